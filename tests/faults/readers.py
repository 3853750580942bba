"""kill -9 of the mail worker, again and again, while it reads a mailbox full of bounces and answers: at random moments,
and between each two steps.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects import forwarding
from campaigns.inbound.mailboxes import hints, intake, services
from campaigns.inbound.mailboxes.services import Settings
from campaigns.inbound.models import Effect, Finding, InboundMessage, Mailbox, Origin, Protocol, Stage
from campaigns.mail.security import Security
from campaigns.notices.models import Notice
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.stepped_reader import AGAIN, STEPS, WHEN, arm, killed
from tests.faults.units import FLASK, Unit, until_gone
from tests.faults.world import Mailing, Report, World
from tests.inbound.mailboxes.mailboxes import SERVERS, left
from tests.inbound.mails import bounce_address, dsn, letter, token

KILLS, BOUNCES = 8, 600
MESSAGES, MESSAGES_IN_CUT, LATE = 110, 25, 5
MOMENTS_IN_CUT = ["commit.after", "expunge.before", "effects.after", "forward.after"]
# Where the worker dies with its work horse.
TREES = ("commit.before", "delete.after", "rules.after")
PERSON = "team@people.example"
ENDS_S = 400
_dice = random.Random(5)


@fault("kill -9 mail worker's horse, IMAP")
def imap(world: World) -> Report:
    return _run(world, "kill -9 mail worker's horse, IMAP", Protocol.IMAP)


@fault("kill -9 mail worker's horse, POP3")
def pop3(world: World) -> Report:
    return _run(world, "kill -9 mail worker's horse, POP3", Protocol.POP3)


@fault("kill -9 mail worker at each step, IMAP", cut="sqlite")
def imap_steps(world: World) -> Report:
    return _at_steps(world, "kill -9 mail worker at each step, IMAP", Protocol.IMAP)


@fault("kill -9 mail worker at each step, POP3", cut="postgres")
def pop3_steps(world: World) -> Report:
    return _at_steps(world, "kill -9 mail worker at each step, POP3", Protocol.POP3)


def _run(world: World, name: str, protocol: Protocol) -> Report:
    """All bounces have to be handled in the end, each once, and the mailbox has to be empty."""
    mailing = _sent(world, BOUNCES)
    unit = world.unit("mail worker", *FLASK, "reader")
    with SERVERS[protocol](*_came_back(world, mailing)) as server:
        mailbox_id = _mailbox(world, protocol, server.port, server.user, server.password)
        unit.start()
        try:
            kills = _killed(world, unit, mailing.campaign_id, KILLS)
            problems = _ended(world, unit, mailing, mailbox_id)
        finally:
            unit.end()
        problems += _problems(world, mailing) + _left(server)
    return _report(world, name, mailing, len(kills), problems)


def _at_steps(world: World, name: str, protocol: Protocol) -> Report:
    """The same, with a kill before and after each step that a reading has."""
    mailing = _sent(world, MESSAGES_IN_CUT if world.is_cut else MESSAGES)
    folder = world.folder / f"moments {protocol}"
    unit = world.unit("mail worker", sys.executable, "-m", "tests.faults.stepped_reader", str(folder))
    first = MOMENTS_IN_CUT if world.is_cut else [f"{step}.{when}" for step in STEPS for when in WHEN]
    again = [] if world.is_cut else [f"{step}.{when}" for step in AGAIN for when in WHEN]
    mails = _came_back(world, mailing)
    late = mails[-LATE:] if again else []
    with SERVERS[protocol](*mails[: len(mails) - len(late)]) as server:
        mailbox_id = _mailbox(world, protocol, server.port, server.user, server.password)
        arm(folder, first, trees=() if world.is_cut else TREES)
        unit.start()
        try:
            problems = _died_at(world, unit, folder, mailbox_id, first)
            if again:
                _store(world, late, mailbox_id)
                arm(folder, again)
                problems += _died_at(world, unit, folder, mailbox_id, first + again)
            problems += _ended(world, unit, mailing, mailbox_id)
        finally:
            unit.end()
        problems += _problems(world, mailing) + _left(server)
    return _report(world, name, mailing, len(killed(folder)), problems)


def _died_at(world: World, unit: Unit, folder: Path, mailbox_id: int, moments: list[str]) -> list[str]:
    """Wait until a process has died at each of the moments; what is wrong."""
    dead: set[str] = set()
    is_again = any(each.partition(".")[0] in AGAIN for each in moments)

    def is_over() -> bool:
        for moment, pid in killed(folder).items():
            if moment not in dead:
                until_gone(pid)
                dead.add(moment)
                _free(world, mailbox_id)
        unit.look_after()
        if is_again:
            _hurry(world, mailbox_id)
        _ask(world, mailbox_id)
        return len(dead) >= len(moments)

    if world.until(is_over, timeout_s=ENDS_S, pause_s=0.2):
        return []
    missing = [each for each in moments if each not in dead]
    return [f"no process came to {', '.join(missing)}; {unit.log.read_text(errors='replace')[-1500:]}"]


def _ended(world: World, unit: Unit, mailing: Mailing, mailbox_id: int) -> list[str]:
    """Wait until all of them are handled; what is wrong."""

    def is_over() -> bool:
        unit.look_after()
        _hurry(world, mailbox_id)
        return _handled(world, mailing.campaign_id) == len(mailing.wanted) and not _open(world, mailbox_id)

    if world.until(is_over, timeout_s=ENDS_S, pause_s=0.3):
        return []
    return [f"not all were handled within {ENDS_S} s"]


def _report(world: World, name: str, mailing: Mailing, kills: int, problems: list[str]) -> Report:
    report = Report(name, world.database, injected=kills, problems=problems)
    report.lost = len(mailing.wanted) - _handled(world, mailing.campaign_id)
    return report


def _sent(world: World, number: int) -> Mailing:
    """A campaign that was sent to so many people."""
    with Sink(slow_s=0) as sink:
        mailing = world.mailing(sink, people=number, reply_to=PERSON)
        mailing.ends()
    return mailing


def _came_back(world: World, mailing: Mailing) -> list[bytes]:
    """A bounce of each email, and an answer to every fifth instead."""
    with world.app.app_context():
        statement = sa.select(Delivery).where(Delivery.campaign_id == mailing.campaign_id)
        deliveries = db.session.scalars(statement.order_by(Delivery.id)).all()
        found = [
            _answer(each) if number % 5 == 4 else _bounce(each) for number, each in enumerate(deliveries)
        ]
        db.session.remove()
    return found


def _bounce(delivery: Delivery) -> bytes:
    assert delivery.subscriber
    return dsn(
        bounce_address(delivery),
        delivery.subscriber.email,
        text=f"452 4.2.2 <%s> full {delivery.id}",
        status="5.2.2",
    )


def _answer(delivery: Delivery) -> bytes:
    assert delivery.subscriber
    ours = f"<{token(delivery, Purpose.MESSAGE)}@news.example>"
    ids = f"Message-ID: <answer{delivery.id}@example.org>\nIn-Reply-To: {ours}\n"
    return letter("news@news.example", delivery.subscriber.email, more=ids)


def _mailbox(world: World, protocol: Protocol, port: int, user: str, password: str) -> int:
    with world.app.app_context():
        settings = Settings(
            name=f"Bounces over {protocol} {port}",
            protocol=protocol,
            host="127.0.0.1",
            port=port,
            security=Security.NONE,
            username=user,
            password=password,
        )
        found = services.create_mailbox(settings, now=clock.now()).id
        db.session.commit()
        db.session.remove()
    return found


def _killed(world: World, reader: Unit, campaign_id: int, times: int) -> list[float]:
    """Kill its work horse at random moments, each time after something more was handled; the moments."""
    moments: list[float] = []
    deadline = time.monotonic() + ENDS_S
    before = -1
    while len(moments) < times and time.monotonic() < deadline:
        reader.look_after()
        now = _handled(world, campaign_id)
        horse = reader.horse
        if horse and (now > before or _dice.random() < 0.05):
            time.sleep(_dice.uniform(0, 0.3))
            try:
                os.kill(horse, signal.SIGKILL)
            except ProcessLookupError:
                continue
            until_gone(horse)
            moments.append(time.time())
            before = now
        time.sleep(0.05)
    return moments


def _hurry(world: World, mailbox_id: int) -> None:
    """Make the mailbox due, and what was cut short: to the app that is time passing."""
    with world.app.app_context():
        db.session.execute(sa.update(Mailbox).where(Mailbox.id == mailbox_id).values(next_at=clock.now()))
        waits = sa.update(InboundMessage).where(InboundMessage.stage == Stage.STORED)
        db.session.execute(waits.values(received_at=clock.now() - services.READ_EVERY * 60))
        db.session.commit()
        db.session.remove()


def _store(world: World, mails: list[bytes], mailbox_id: int) -> None:
    """Leave messages as a reader that dies right after its commit does."""
    with world.app.app_context():
        for each in mails:
            intake.store(each, origin=Origin.MAILBOX, mailbox_id=mailbox_id, now=clock.now())
        db.session.commit()
        db.session.remove()


def _free(world: World, mailbox_id: int) -> None:
    """End the lease of the process that died."""
    with world.app.app_context():
        db.session.execute(sa.update(Mailbox).where(Mailbox.id == mailbox_id).values(lease_until=None))
        db.session.commit()
        db.session.remove()


def _ask(world: World, mailbox_id: int) -> None:
    """Have the mailbox read, without waiting for the dispatcher; one read already is not read twice."""
    with world.app.app_context():
        if not queue.waiting(hints.READ):
            queue.enqueue(hints.READ, mailbox_id)


def _open(world: World, mailbox_id: int) -> bool:
    """Whether the mailbox is being read, or anything waits to be handled."""
    with world.app.app_context():
        waits = sa.select(InboundMessage.id).where(InboundMessage.stage == Stage.STORED).limit(1)
        held = sa.select(Mailbox.id).where(Mailbox.id == mailbox_id, Mailbox.lease_until.is_not(None))
        found = db.session.scalar(waits) or db.session.scalar(held)
        db.session.remove()
    return found is not None


def _handled(world: World, campaign_id: int) -> int:
    """From how many deliveries something has come back."""
    with world.app.app_context():
        came_back = sa.select(sa.func.count()).where(
            Delivery.campaign_id == campaign_id,
            sa.or_(Delivery.bounced_at.is_not(None), Delivery.replied_at.is_not(None)),
        )
        found = db.session.scalar(came_back) or 0
        db.session.remove()
    return found


def _problems(world: World, mailing: Mailing) -> list[str]:
    ours = Finding.campaign_id == mailing.campaign_id
    with world.app.app_context():
        rows = db.session.execute(
            sa.select(Finding.delivery_id, Finding.effect, sa.func.count())
            .where(ours)
            .group_by(Finding.delivery_id, Finding.effect)
        ).all()
        left = db.session.scalar(sa.select(sa.func.count()).where(InboundMessage.stage != Stage.HANDLED))
        passed_on = _passed_on(sorted({each.delivery_id for each in rows}))
        db.session.remove()
    found = []
    answers = sum(effect is Effect.REPLIED for _delivery, effect, _number in rows)
    if len(rows) != len({each.delivery_id for each in rows}) or any(number != 1 for *_row, number in rows):
        found.append("some were handled more than once")
    if len(rows) != len(mailing.wanted):
        found.append(f"{len(mailing.wanted) - len(rows)} were not handled")
    if {effect for _delivery, effect, _number in rows} != {Effect.SCORED, Effect.REPLIED}:
        found.append(f"they had the effects {sorted({effect for _delivery, effect, _number in rows})}")
    if passed_on != answers:
        found.append(f"{passed_on} answers of {answers} were passed on")
    if left:
        found.append(f"{left} messages are not handled")
    return found


def _passed_on(delivery_ids: list[int]) -> int:
    """How many answers are in the outbox, which is emptied then: no server of this world is theirs."""
    names = [f"reply:{each}:" for each in delivery_ids]
    found = [
        each
        for each in db.session.scalars(sa.select(Notice).where(Notice.kind == forwarding.KIND))
        if (each.once or "").startswith(tuple(names))
    ]
    for each in found:
        each.next_at, each.failed_at = None, clock.now()
    db.session.commit()
    return len(found)


def _left(server: Any) -> list[str]:
    number = left(server)
    return [f"{number} messages are left on the server"] if number else []
