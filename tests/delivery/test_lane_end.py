"""However a lane ends, none of its rows is left `sending`: who was not accepted waits again, uncharged."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.delivery.sender import lane_runner
from tests.delivery.factories import BRISK, copies, fresh, id_of
from tests.delivery.leftovers import left_behind
from tests.delivery.receivers import make_mixed
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer

DOMAINS = tuple((f"d{number}.example", 12) for number in range(8))


@pytest.mark.parametrize("keywords", [(), ("PIPELINING",), KEYWORDS])
@pytest.mark.parametrize("holds", [False, True])
def test_mails_that_a_farewell_sends_back_to_a_held_lane_wait_again(
    each_database: Flask, keywords: tuple[str, ...], holds: bool
) -> None:
    """The server asks for a lower pace, and then closes on everybody who is still on the wire."""

    def end(call: Call) -> str | None:
        if call.count <= 20:
            return None
        return "451 4.7.0 rate limit exceeded" if call.count <= 26 else "421 4.3.2 closing"

    with SmtpServer(replies={"END": end}, keywords=keywords) as server:
        campaign = make_mixed(server, *DOMAINS, connections=3)
        fresh(campaign).holds_in_doubt = holds
        db.session.commit()
        for _lane in range(3):
            lane_runner.send(id_of(campaign), timing=BRISK)
            assert left_behind(campaign) == (0, 0, 0)
    assert set(copies(server).values()) == {1}
