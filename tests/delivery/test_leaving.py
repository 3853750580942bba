"""A worker that is asked to stop does so within a window, and the rest waits for the next one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer
from tests.journeys.commands import set_up
from tests.running import Running


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.xdist_group("journeys")
def test_stopping_in_mid_send_takes_seconds_and_a_second_run_sends_exactly_the_rest(tmp_path: Path) -> None:
    people = 1500
    with SmtpServer(delay_s=0.004) as server:
        site = Running(tmp_path / "data", workers=1)
        site.start()
        campaign = set_up(site, server, tmp_path, people=people)
        site.json("campaign", "schedule", str(campaign), "--grace", "0")
        deadline = time.monotonic() + 60
        while len(server.messages) < 50 and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        assert site.stop() == 0
        assert time.monotonic() - began < 20, "a lane should leave within a window, not after its half minute"
        sent_before = len(server.messages)
        assert 0 < sent_before < people
        with Running(tmp_path / "data", workers=1) as again:
            done = again.until(campaign, "finished", timeout_s=120)
        assert done["states"]["sent"] == people
        assert len(server.messages) == people, "nobody twice, nobody lost"
