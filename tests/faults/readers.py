"""kill -9 of the mail worker, again and again, while it reads a mailbox full of bounces."""

from __future__ import annotations

import os
import random
import signal
import time

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.models import Delivery
from campaigns.inbound.mailboxes import services
from campaigns.inbound.mailboxes.services import Settings
from campaigns.inbound.models import Effect, Finding, InboundMessage, Mailbox, Protocol, Stage
from campaigns.mail.security import Security
from tests.fakes.imap_server import FakeImap
from tests.fakes.pop3_server import FakePop3
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.units import FLASK, Unit, until_gone
from tests.faults.world import Report, World
from tests.inbound.mails import bounce_address, dsn

KILLS, KILLS_IN_CUT = 8, 3
BOUNCES, BOUNCES_IN_CUT = 600, 150
ENDS_S = 240
SERVERS = {Protocol.IMAP: FakeImap, Protocol.POP3: FakePop3}
_dice = random.Random(5)


@fault("kill -9 mail worker's horse, IMAP", cut="sqlite")
def imap(world: World) -> Report:
    return _run(world, "kill -9 mail worker's horse, IMAP", Protocol.IMAP)


@fault("kill -9 mail worker's horse, POP3", cut="postgres")
def pop3(world: World) -> Report:
    return _run(world, "kill -9 mail worker's horse, POP3", Protocol.POP3)


def _run(world: World, name: str, protocol: Protocol) -> Report:
    """All bounces have to be handled in the end, each once, and the mailbox has to be empty."""
    began = time.time()
    bounces = BOUNCES_IN_CUT if world.is_cut else BOUNCES
    with Sink(slow_s=0) as sink:
        mailing = world.mailing(sink, people=bounces)
        mailing.ends()
    with world.app.app_context():
        deliveries = db.session.scalars(
            sa.select(Delivery).where(Delivery.campaign_id == mailing.campaign_id).order_by(Delivery.id)
        ).all()
        reports = [
            dsn(
                bounce_address(each),
                each.subscriber.email,
                text=f"452 4.2.2 <%s> full {each.id}",
                status="5.2.2",
            )
            for each in deliveries
            if each.subscriber is not None
        ]
        db.session.remove()
    reader = world.unit("mail worker", *FLASK, "reader")
    with SERVERS[protocol](*reports) as server:
        mailbox_id = _mailbox(world, protocol, server.port, server.user, server.password)
        reader.start()
        try:
            kills = _killed(world, reader, mailing.campaign_id, KILLS_IN_CUT if world.is_cut else KILLS)
            is_done = world.until(
                lambda: (
                    _handled(world, mailing.campaign_id) == bounces
                    or (reader.look_after() and False)
                    or (_hurry(world, mailbox_id) and False)
                ),
                timeout_s=ENDS_S,
                pause_s=0.3,
            )
        finally:
            reader.end()
        problems = _problems(world, mailing.campaign_id, bounces)
        if not is_done:
            problems.append(f"not all were handled within {ENDS_S} s")
    report = Report(name, world.database, injected=len(kills), problems=problems)
    report.lost = bounces - _handled(world, mailing.campaign_id)
    report.seconds = time.time() - began
    return report


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


def _hurry(world: World, mailbox_id: int) -> bool:
    """Make the mailbox due, and what was cut short: to the app that is time passing."""
    with world.app.app_context():
        db.session.execute(sa.update(Mailbox).where(Mailbox.id == mailbox_id).values(next_at=clock.now()))
        waits = sa.update(InboundMessage).where(InboundMessage.stage == Stage.STORED)
        db.session.execute(waits.values(received_at=clock.now() - services.READ_EVERY * 60))
        db.session.commit()
        db.session.remove()
    return True


def _handled(world: World, campaign_id: int) -> int:
    """How many deliveries have come back."""
    with world.app.app_context():
        came_back = sa.select(sa.func.count()).where(
            Delivery.campaign_id == campaign_id, Delivery.bounced_at.is_not(None)
        )
        found = db.session.scalar(came_back) or 0
        db.session.remove()
    return found


def _problems(world: World, campaign_id: int, bounces: int) -> list[str]:
    with world.app.app_context():
        per_delivery = db.session.execute(
            sa.select(Finding.delivery_id, sa.func.count())
            .where(Finding.campaign_id == campaign_id)
            .group_by(Finding.delivery_id)
        ).all()
        effects = set(
            db.session.scalars(sa.select(Finding.effect).where(Finding.campaign_id == campaign_id).distinct())
        )
        left = db.session.scalar(sa.select(sa.func.count()).where(InboundMessage.stage != Stage.HANDLED))
        db.session.remove()
    found = []
    if twice := [each for each, number in per_delivery if number != 1]:
        found.append(f"{len(twice)} were handled more than once")
    if len(per_delivery) != bounces:
        found.append(f"{bounces - len(per_delivery)} were not handled")
    if effects != {Effect.SCORED}:
        found.append(f"they had the effects {sorted(effects)}")
    if left:
        found.append(f"{left} messages are not handled")
    return found
