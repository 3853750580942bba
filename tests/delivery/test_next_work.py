"""What a worker does next, asked of the database; and who it makes room for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.delivery.dispatch import fairness, next_work, shift
from campaigns.delivery.dispatch.lookout import Lookout
from campaigns.delivery.models import Batch, BatchState, CampaignRun, Share
from campaigns.delivery.routing.server_selection import Place
from campaigns.delivery.sender import composer, lane_runner
from campaigns.notices import services as notices_services
from campaigns.notices.jobs import send_notice
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings.models import Server
from tests.delivery.background import until
from tests.delivery.factories import BRISK, copies, fresh, id_of, make_launched, states
from tests.delivery.hours import now_closed
from tests.delivery.waiting_work import held_by_somebody, statements
from tests.factories import make_server
from tests.fakes.smtp_server import SmtpServer


def make_waiting(server: SmtpServer, number: int, *, people: int = 2, **values: object) -> list[Campaign]:
    """That many launched campaigns over one server."""
    row = make_server(port=server.port, connections=20)
    return [make_launched(server, people=people, server_id=row.id, **values) for _each in range(number)]


def take(owner: str, **values) -> Place | None:
    return next_work.take(owner=owner, now=clock.now(), **values)


def all_have_looked(others: threading.Barrier) -> float:
    """Dice that are first thrown once every worker has seen the same and none has taken anything."""
    if not getattr(_looked, "before", False):
        _looked.before = True
        others.wait(30)
    return 0.5


_looked = threading.local()


def taken_at_once(app: Flask, *, workers: int) -> list[Place | None]:
    """What workers take that all have seen the same."""
    taken: list[Place | None] = []
    ready = threading.Barrier(workers)

    def run(number: int) -> None:
        with app.app_context():
            taken.append(take(f"worker {number}", dice=lambda: all_have_looked(ready)))
            db.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return taken


def ids_of(*campaigns: Campaign) -> list[int]:
    return [id_of(each) for each in campaigns]


def sendable() -> list[int]:
    return [each.campaign_id for each in next_work.look(now=clock.now()).sendable]


def make_lookout(app: Flask, *, other_jobs_wait: Callable[[], bool] = lambda: False) -> Lookout:
    return Lookout(app.app_context, send_notice=send_notice, other_jobs_wait=other_jobs_wait, now=clock.now)


def work(app: Flask, **values) -> bool:
    """A whole shift."""
    db.session.rollback()
    with make_lookout(app, **values) as lookout:
        done = shift.work(lookout, timing=BRISK)
    db.session.rollback()
    return done


def test_a_look_takes_as_many_statements_for_many_campaigns_as_for_one(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaigns = make_waiting(server, 1)
        with statements() as for_one:
            assert len(sendable()) == 1
        campaigns += make_waiting(server, 30, people=1)
        with statements() as for_many:
            assert sorted(sendable()) == ids_of(*campaigns)
    assert len(for_many) == len(for_one) == 3


@pytest.mark.parametrize("why", ["paused", "closed server", "outside its hours", "at its limit", "later"])
def test_a_campaign_that_can_send_nothing_now_is_not_chosen(each_database: Flask, why: str) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port, per_hour=100)
        campaign = make_launched(server, people=3, server_id=row.id, fails_over=False)
    assert sendable() == ids_of(campaign)
    if why == "paused":
        fresh(campaign).status = Status.PAUSED
    elif why == "closed server":
        db.session.get_one(Server, row.id).closed_until = clock.now() + timedelta(minutes=1)
    elif why == "outside its hours":
        fresh(campaign).sending_hours = now_closed()
    elif why == "at its limit":
        db.session.execute(sa.insert(Share).values(held_by_somebody(row.id, messages=100)))
    else:
        db.session.execute(sa.update(Batch).values(next_at=clock.now() + timedelta(minutes=1)))
    db.session.commit()
    assert sendable() == []
    assert take("a worker") is None


def test_a_full_server_has_no_turn_to_give_but_its_lanes_make_room(each_database: Flask) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port, connections=1)
        campaign = make_launched(server, people=3, server_id=row.id)
    db.session.execute(sa.insert(Share).values(held_by_somebody(row.id)))
    db.session.execute(sa.update(Campaign).values(updated_at=clock.now() - timedelta(seconds=5)))
    db.session.commit()
    assert take("a worker") is None
    outlook = next_work.look(now=clock.now())
    assert [each.campaign_id for each in outlook.sendable] == ids_of(campaign)
    assert fairness.makes_room(outlook, "somebody", has_answers=True)


def test_whoever_has_waited_longest_comes_next(each_database: Flask) -> None:
    with SmtpServer() as server:
        first, second, third = make_waiting(server, 3)
    taken = [take(f"worker {number}") for number in range(3)]
    assert [each.campaign_id for each in taken if each] == ids_of(first, second, third)
    for each in (taken[1], taken[0], taken[2]):
        assert each
        next_work.give_back(each, has_moved=True)
    again = [take(f"worker {number}") for number in range(3)]
    assert [each.campaign_id for each in again if each] == ids_of(second, first, third)


def test_two_workers_never_take_the_same_turn(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaigns = make_waiting(server, 4)
    db.session.rollback()
    taken = taken_at_once(each_database, workers=8)
    served = [each.campaign_id for each in taken if each]
    assert len(served) == len(set(served)), "each campaign has one batch, so one lane"
    assert set(served) <= set(ids_of(*campaigns))


def test_who_was_not_the_quickest_looks_again(each_database: Flask) -> None:
    with SmtpServer() as server:
        make_launched(server, people=150, server_id=make_server(port=server.port, connections=20).id)
    db.session.rollback()
    taken = taken_at_once(each_database, workers=3)
    assert all(taken), "three batches, so three lanes"


def test_two_workers_never_take_the_last_connection_both(each_database: Flask) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port, connections=1)
        for _number in range(4):
            make_launched(server, people=2, server_id=row.id)
    db.session.rollback()
    taken = taken_at_once(each_database, workers=4)
    assert len([each for each in taken if each]) == 1


def test_a_place_whose_worker_died_is_free_again_after_a_while(each_database: Flask) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port, connections=1)
        make_launched(server, people=2, server_id=row.id)
    assert take("one that dies")
    assert take("another") is None
    db.session.execute(sa.update(Share).values(until=clock.now() - timedelta(seconds=1)))
    db.session.commit()
    assert take("another")


def test_a_shift_sends_for_everybody_and_leaves_nothing_behind(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaigns = make_waiting(server, 5, people=3)
        assert work(each_database)
        assert [states(each) for each in campaigns] == [{"sent": 3}] * 5
        assert set(copies(server).values()) == {1}
    assert db.session.scalars(sa.select(Share)).all() == []
    assert db.session.scalars(sa.select(CampaignRun.moved_at)).all() != [None] * 5
    db.session.rollback()
    next_work.forget_the_ended()
    db.session.commit()
    assert db.session.scalars(sa.select(CampaignRun)).all() == []


def test_nothing_to_do_is_nothing_done(each_database: Flask) -> None:
    assert not work(each_database)


def test_a_campaign_whose_lane_breaks_off_keeps_no_other_from_its_turn(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with SmtpServer() as server:
        broken, sound = make_waiting(server, 2)
        content_of = composer.content_of

        def breaks(campaign: Campaign) -> object:
            if campaign.id == id_of(broken):
                raise ZeroDivisionError("something nobody thought of")
            return content_of(campaign)

        monkeypatch.setattr(composer, "content_of", breaks)
        assert work(each_database)
        assert states(sound) == {"sent": 2}
        assert states(broken) == {"pending": 2}
    assert "its lane broke off" in caplog.text
    assert db.session.scalars(sa.select(Share)).all() == []


def test_what_is_wrong_with_one_campaign_or_server_is_no_trouble_to_the_others(each_database: Flask) -> None:
    with SmtpServer() as server:
        broken, elsewhere, sound = make_waiting(server, 3)
        odd = make_server(port=server.port, warm_up_from=clock.now().date(), warm_up_curve=["many"])
        found = fresh(elsewhere)
        found.server_id, found.fails_over = odd.id, False
        db.session.commit()
        fresh(broken).sending_hours = "whenever you like"
        db.session.commit()
        assert sendable() == ids_of(sound)
        assert work(each_database)
    assert states(sound) == {"sent": 2}


def test_a_campaign_for_which_there_is_no_server_is_paused_and_says_so(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=2)
    db.session.execute(sa.delete(Server))
    db.session.commit()
    work(each_database)
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.SERVER_DOWN)


def test_a_lane_makes_room_for_a_campaign_that_is_launched_meanwhile(each_database: Flask) -> None:
    """By one worker alone: the big one goes on when the small one is out."""
    with SmtpServer(delay_s=0.02) as big_one, SmtpServer() as other:
        big = make_launched(big_one, people=400, connections=1)
        db.session.rollback()
        worker = threading.Thread(target=in_app(each_database, lambda: work(each_database)))
        worker.start()
        until(lambda: len(big_one.messages) > 5, seconds=60)
        small = make_launched(other, people=10)
        at_launch = len(big_one.messages)
        db.session.rollback()
        until(lambda: len(other.messages) == 10, seconds=60)
        assert len(big_one.messages) < 400, "it came before the end of the big one"
        big_one.delay_s = 0.0
        worker.join(120)
        assert len(big_one.messages) > at_launch
    assert states(small) == {"sent": 10}
    assert states(big) == {"sent": 400}
    assert set(copies(big_one).values()) == {1}


def test_a_small_campaign_needs_no_more_than_the_one_connection_that_a_big_one_has(
    each_database: Flask,
) -> None:
    with SmtpServer(delay_s=0.02) as server:
        row = make_server(port=server.port, connections=1)
        big = make_launched(server, people=400, server_id=row.id)
        db.session.rollback()
        worker = threading.Thread(target=in_app(each_database, lambda: work(each_database)))
        worker.start()
        until(lambda: len(server.messages) > 5, seconds=60)
        small = make_launched(server, people=10, server_id=row.id)
        db.session.rollback()
        until(lambda: states(small) == {"sent": 10}, seconds=60)
        assert len(server.messages) < 400
        server.delay_s = 0.0
        worker.join(120)
    assert states(big) == {"sent": 400}
    assert set(copies(server).values()) == {1}


def test_of_many_campaigns_each_begins_before_any_is_out(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.03) as server:
        row = make_server(port=server.port, connections=2)
        campaigns = [make_launched(server, people=150, server_id=row.id) for _each in range(6)]
        db.session.rollback()
        crew = [
            threading.Thread(target=in_app(each_database, lambda: work(each_database)))
            for _worker in range(2)
        ]
        for worker in crew:
            worker.start()
        until(lambda: len(sent_by_campaign(server)) == len(campaigns), seconds=120)
        assert max(sent_by_campaign(server).values()) < 150
        server.delay_s = 0.0
        for worker in crew:
            worker.join(120)
    assert [states(each) for each in campaigns] == [{"sent": 150}] * len(campaigns)
    assert set(copies(server).values()) == {1}


def sent_by_campaign(server: SmtpServer) -> Counter[str]:
    """Mails by the first part of their addresses, which is another one for each list of people."""
    return Counter(address.partition("-")[0] for address in list(server.addresses))


def test_an_own_mail_that_waits_goes_out_while_a_lane_sends(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.02) as server, SmtpServer() as own:
        make_launched(server, people=400, connections=1)
        make_server(port=own.port, is_default=True)
        db.session.rollback()
        worker = threading.Thread(target=in_app(each_database, lambda: work(each_database)))
        worker.start()
        until(lambda: len(server.messages) > 5, seconds=60)
        notices_services.post(MailText("Hi", "Text.\n"), kind="reset", to="ada@example.com", now=clock.now())
        db.session.commit()
        until(lambda: own.addresses == ["ada@example.com"], seconds=60)
        assert len(server.messages) < 400
        server.delay_s = 0.0
        worker.join(120)


def test_a_worker_that_other_jobs_need_ends_its_lane(each_database: Flask) -> None:
    needed = threading.Event()
    with SmtpServer(delay_s=0.05) as server:
        campaign = make_launched(server, people=600, connections=1)
        db.session.rollback()
        worker = threading.Thread(
            target=in_app(each_database, lambda: work(each_database, other_jobs_wait=needed.is_set))
        )
        worker.start()
        until(lambda: len(server.messages) > 5, seconds=60)
        needed.set()
        worker.join(60)
        assert not worker.is_alive()
        sent = len(server.messages)
    assert states(campaign) == {"sent": sent, "pending": 600 - sent}
    assert sent < 600


def in_app(app: Flask, do: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        with app.app_context():
            do()
            db.session.remove()

    return run


def test_a_lane_over_a_place_that_was_taken_uses_its_server_and_its_name(each_database: Flask) -> None:
    with SmtpServer() as one, SmtpServer() as other:
        first = make_server("One", port=one.port, weight=1)
        second = make_server("Other", port=other.port, weight=1)
        campaign = make_launched(one, people=4, server_id=None)
    del first
    with SmtpServer(port=other.port) as other:
        place = Place(id_of(campaign), second.id, "a name of its own")
        db.session.rollback()
        lane_runner.send(place.campaign_id, timing=BRISK, place=place)
        assert len(other.messages) == 4
    assert db.session.scalars(sa.select(Batch.state).distinct()).all() == [BatchState.DONE]
