"""What a lane learns about its server is kept for the next, and no lane undoes what another has learned."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End
from campaigns.mail.traits import KEPT_FOR, Observation, Trait, Traits
from campaigns.planning.models import Campaign
from campaigns.settings import lessons
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, copies, id_of, make_due, make_launched, send, states
from tests.delivery.server_rows import server_row
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer

PIPELINED = tuple(word for word in KEYWORDS if word != "CHUNKING")


def launched_again(*, people: int) -> Campaign:
    """Another campaign over the same server."""
    campaign = make_due(people=people, server_id=server_row().id)
    launch.launch(campaign.id, clock.now(), size=20)
    return campaign


def known() -> dict[Trait, int]:
    return {trait: each.number for trait, each in lessons.traits_of(server_row()).lessons.items()}


@pytest.mark.parametrize("behind_a_dot", ["refuse", "swallow"])
def test_a_server_that_wants_nothing_behind_a_dot_burns_nobody(
    each_database: Flask, behind_a_dot: str
) -> None:
    with SmtpServer(keywords=PIPELINED, behind_a_dot=behind_a_dot) as server:
        campaign = make_launched(server, people=60, size=20)
        assert send(campaign) is End.NOTHING
        assert server.thrown_away == 3, "it was tried once"
        again = launched_again(people=30)
        assert send(again) is End.NOTHING
        assert server.thrown_away == 3, "and that is remembered"
    assert set(copies(server).values()) == {1}
    assert (states(campaign), states(again)) == ({"sent": 60}, {"sent": 30})
    assert known() == {Trait.BARE_DOT: 0}


def test_bdat_that_is_not_understood_burns_nobody_and_is_remembered_S29(each_database: Flask) -> None:
    with SmtpServer(knows_bdat=False) as server:
        campaign = make_launched(server, people=60, size=20)
        assert send(campaign) is End.NOTHING
        assert len(server.said("BDAT")) == 1
        again = launched_again(people=30)
        assert send(again) is End.NOTHING
        assert len(server.said("BDAT")) == 1
    assert set(copies(server).values()) == {1}
    assert (states(campaign), states(again)) == ({"sent": 60}, {"sent": 30})
    assert known() == {Trait.NO_CHUNKS: 0}


def test_a_limit_of_messages_and_one_of_connections_cost_one_window_and_no_more_S29(
    each_database: Flask,
) -> None:
    counts: Counter[int] = Counter()

    def mail(call: Call) -> str | None:
        counts[call.connection] += 1
        return "421 too many messages in this connection" if counts[call.connection] > 20 else None

    with SmtpServer(delay_s=0.001) as server:

        def banner(_call: Call) -> str | None:
            return "421 4.7.0 too many connections" if server.open_connections > 3 else None

        server.replies = {"MAIL": mail, "BANNER": banner}
        campaign = make_launched(server, people=300, size=100, connections=6)
        assert send(campaign) is End.NOTHING
        assert known() == {Trait.MESSAGES: 20, Trait.CONNECTIONS: 3}
        assert server_row().usable_connections == 3
        mails, connections = len(server.said("MAIL")), server.connections
        again = launched_again(people=200)
        assert send(again) is End.NOTHING
        assert len(server.said("MAIL")) == mails + 200, "nothing is sent for nothing any more"
        assert server.connections <= connections + 13
    assert set(copies(server).values()) == {1}
    assert (states(campaign), states(again)) == ({"sent": 300}, {"sent": 200})


def test_after_a_week_it_is_tried_again_S29(each_database: Flask) -> None:
    with SmtpServer(keywords=PIPELINED) as server:
        campaign = make_launched(server, people=40, size=20)
        row = server_row()
        lessons.note(row.id, [Observation(Trait.BARE_DOT)], place=(row.host, row.port), now=clock.now())
        db.session.commit()
        later = clock.now() + KEPT_FOR + timedelta(minutes=1)
        assert lane_runner.send(id_of(campaign), timing=BRISK, now=lambda: later) is End.NOTHING
    assert states(campaign) == {"sent": 40}
    assert known() == {}, "it has changed for the better"


def test_two_lanes_learn_side_by_side_and_a_forgotten_lesson_stays_forgotten_S29(
    each_database: Flask,
) -> None:
    """A lane writes what it has seen itself, and not all that it knew when it began."""
    with SmtpServer() as server:
        make_launched(server, people=1)
    row = server_row()
    place, now = (row.host, row.port), clock.now()
    lessons.note(row.id, [Observation(Trait.MESSAGES, 50)], place=place, now=now)
    lessons.note(row.id, [Observation(Trait.BARE_DOT), Observation(Trait.MESSAGES, 20)], place=place, now=now)
    lessons.note(row.id, [Observation(Trait.MESSAGES, 30)], place=place, now=now)
    db.session.commit()
    assert known() == {Trait.BARE_DOT: 0, Trait.MESSAGES: 20}
    lessons.forget(server_row())
    db.session.commit()
    lessons.note(row.id, [], place=place, now=now)
    db.session.commit()
    assert known() == {}
    lessons.note(row.id, [Observation(Trait.NO_CHUNKS)], place=("elsewhere.example", 25), now=now)
    db.session.commit()
    assert known() == {}, "it was another host that showed it"


def test_a_lesson_survives_a_server_that_is_deleted_meanwhile_S29(each_database: Flask) -> None:
    lessons.note(999, [Observation(Trait.NO_CHUNKS)], place=("x", 25), now=clock.now())
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Server)) == 0
    assert Traits() == Traits.read({})
