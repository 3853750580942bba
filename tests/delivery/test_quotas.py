"""Receivers with a limit get no more than that in any minute, and nobody waits for them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import queries
from campaigns.delivery.dispatch import launch
from campaigns.delivery.limits import release
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.delivery.progress import domain_sample, holdups
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End
from campaigns.planning.models import Campaign, Status
from campaigns.settings import limits
from tests.delivery.factories import BRISK, copies, fresh, id_of, states
from tests.delivery.lanes import lanes
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

_numbers = itertools.count(1)


def make_mixed(server: SmtpServer, *, limited: int, others: int, domains: tuple[str, ...]) -> Campaign:
    """A launched campaign to people at those domains in turn, and to others."""
    readers = make_list()
    for number, domain in zip(range(limited), itertools.cycle(domains), strict=False):
        make_subscriber(f"l{next(_numbers)}-{number}@{domain}", lists=[readers])
    for number in range(others):
        make_subscriber(f"o{next(_numbers)}-{number}@example.org", lists=[readers])
    campaign = make_campaign(
        lists=[readers],
        server_id=make_server(port=server.port, connections=4).id,
        status=Status.SCHEDULED,
        send_at=clock.now() - timedelta(seconds=1),
    )
    launch.launch(campaign.id, clock.now())
    return campaign


def sent_to(server: SmtpServer, *domains: str) -> int:
    return sum(address.rpartition("@")[2] in domains for address in server.addresses)


def test_over_the_limit_waits_without_an_attempt_and_the_others_go(each_database: Flask) -> None:
    limits.create_domain_limit("gmail.com", per_minute=10)
    with SmtpServer() as server:
        campaign = make_mixed(server, limited=25, others=60, domains=("gmail.com", "googlemail.com"))
        lanes(each_database, campaign, 2)
    assert sent_to(server, "gmail.com", "googlemail.com") == 10
    assert sent_to(server, "example.org") == 60
    assert states(campaign) == {"sent": 70, "deferred": 15}
    waiting = db.session.scalars(sa.select(Delivery).where(Delivery.state == State.DEFERRED)).all()
    assert {each.attempts for each in waiting} == {0}
    assert {each.reason for each in waiting} == {Reason.RECEIVER_LIMIT}
    moments = sorted(each.next_at for each in waiting if each.next_at)
    gaps = {round((after - before).total_seconds()) for before, after in itertools.pairwise(moments)}
    assert gaps == {6}  # ten a minute
    assert moments[0] > clock.now() + timedelta(seconds=30)


def test_who_waited_gets_the_mail_when_there_is_room(each_database: Flask) -> None:
    limits.create_domain_limit("example.com", per_minute=10)
    with SmtpServer() as server:
        campaign = make_mixed(server, limited=18, others=2, domains=("example.com",))
        lane_runner.send(id_of(campaign), timing=BRISK)
        assert states(campaign) == {"sent": 12, "deferred": 8}
        _let_pass(timedelta(minutes=3))
        later = clock.now() + timedelta(minutes=3)

        def now() -> datetime:
            return later

        assert lane_runner.send(id_of(campaign), timing=BRISK, now=now) is End.NOTHING
    assert states(campaign) == {"sent": 20}
    assert set(copies(server).values()) == {1}
    assert fresh(campaign).status is Status.FINISHED


def test_without_limits_nobody_is_put_off(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_mixed(server, limited=18, others=2, domains=("example.com",))
        lane_runner.send(id_of(campaign), timing=BRISK)
    assert states(campaign) == {"sent": 20}


def _let_pass(time: timedelta) -> None:
    """As if that time had passed for those who wait."""
    moment = clock.now() - time
    db.session.execute(
        sa.text("UPDATE delivery SET next_at = :moment WHERE next_at IS NOT NULL").bindparams(
            sa.bindparam("moment", moment, type_=Delivery.next_at.type)
        )
    )
    db.session.execute(
        sa.text("UPDATE batch SET next_at = :moment WHERE next_at IS NOT NULL").bindparams(
            sa.bindparam("moment", moment, type_=Delivery.next_at.type)
        )
    )
    db.session.commit()


def test_the_expected_end_waits_for_a_limited_receiver_before_and_while_it_goes(each_database: Flask) -> None:
    limits.create_domain_limit("gmail.com", per_minute=10)
    limits.create_domain_limit("example.net", per_minute=1)  # nobody is there
    with SmtpServer() as server:
        campaign = make_mixed(server, limited=40, others=60, domains=("gmail.com", "googlemail.com"))
        now = clock.now()
        before = holdups.expected_end(fresh(campaign), 100, per_second=50, now=now)
        db.session.rollback()
        lanes(each_database, campaign, 1)
        now_sending = clock.now()
        while_sending = queries.progress(id_of(campaign), now=now_sending).expected_end
    assert [each.number for each in domain_sample.paces(fresh(campaign), 30)] == [30], (
        "nobody is at the other"
    )
    assert before == now + timedelta(minutes=4)
    assert states(campaign) == {"sent": 70, "deferred": 30}
    assert while_sending is not None
    assert timedelta(minutes=2, seconds=50) < while_sending - now_sending < timedelta(minutes=4)


def test_a_draft_is_told_when_a_limited_receiver_has_all_of_it(each_database: Flask) -> None:
    limits.create_domain_limit("gmail.com", per_minute=10)
    readers = make_list()
    for number in range(30):
        make_subscriber(f"d{next(_numbers)}-{number}@gmail.com", lists=[readers])
        make_subscriber(f"d{next(_numbers)}-{number}@example.org", lists=[readers])
    draft = make_campaign(lists=[readers], server_id=make_server(per_second=50).id)
    now = clock.now()
    assert holdups.expected_end(draft, 60, per_second=0, now=now) == now + timedelta(minutes=3)


def test_who_waits_for_a_limit_goes_as_soon_as_it_is_deleted_or_raised(each_database: Flask) -> None:
    gmail = limits.create_domain_limit("gmail.com", per_minute=10)
    yahoo = limits.create_domain_limit("yahoo.com", per_minute=10)
    limits.create_domain_limit("gmx.net", per_minute=10)
    db.session.commit()
    with SmtpServer() as server:
        campaign = make_mixed(
            server, limited=75, others=5, domains=("googlemail.com", "yahoo.com", "gmx.net")
        )
        lanes(each_database, campaign, 1)
        assert states(campaign) == {"sent": 35, "deferred": 45}
        limits.delete_domain_limit(db.session.merge(gmail))
        limits.update_domain_limit(db.session.merge(yahoo), per_minute=1000)
        db.session.commit()
        assert release.release("gmail.com", now=clock.now()) == 15
        assert release.release("yahoo.com", now=clock.now()) == 15
        lanes(each_database, campaign, 1)
    assert sent_to(server, "googlemail.com") == 25
    assert sent_to(server, "yahoo.com") == 25
    assert sent_to(server, "gmx.net") == 10
    assert set(copies(server).values()) == {1}
    assert states(campaign) == {"sent": 65, "deferred": 15}
