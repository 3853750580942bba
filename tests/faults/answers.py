"""Faults of servers that refuse: 421, 451, 550, policy, sign-in; dead servers and slow domains."""

from __future__ import annotations

import time

import sqlalchemy as sa

from campaigns.audience.models import Suppression
from campaigns.core.db import db
from campaigns.delivery.routing.evidence import CONTENT_IN_A_ROW
from campaigns.planning.models import PauseReason, Status
from tests.fakes.smtp_server import Call
from tests.faults.faults import fault
from tests.faults.sink import Script, Sink
from tests.faults.wire import PASSWORD, USER
from tests.faults.world import CONNECTIONS, Mailing, Report, World

FROM_MESSAGE = 300
LANES = 2
# That many in a row in all lanes together, and twice what they have on their way: until the last acceptance is
# read, refusals that are read before it do not count.
PAUSED_WITHIN = CONTENT_IN_A_ROW + 2 * LANES * CONNECTIONS


def every_nth(sink: Sink, number: int, reply: str) -> Script:
    """A script that gives that reply to every n-th command."""

    def script(call: Call) -> str | None:
        if call.count % number:
            return None
        sink.note()
        return reply

    return script


@fault("SMTP: 421 every 50th mail", cut="sqlite")
def closing(world: World) -> Report:
    with Sink() as sink:
        mailing = world.mailing(sink)
        sink.scripts["MAIL"] = every_nth(sink, 50, "421 4.3.2 closing")
        mailing.ends(hurries=True)
        return mailing.report("SMTP: 421 every 50th mail", sink.book.injected, target_s=15)


@fault("SMTP: 451 for 2 %", cut="postgres")
def later(world: World) -> Report:
    with Sink() as sink:
        mailing = world.mailing(sink)
        sink.scripts["RCPT"] = every_nth(sink, 50, "451 4.2.0 not now")
        mailing.ends(hurries=True)
        return mailing.report("SMTP: 451 for 2 %", sink.book.injected, target_s=15)


@fault("SMTP: 550 for 1 %", cut="sqlite")
def nobody(world: World) -> Report:
    """Unknown recipients fail and are suppressed, and no others."""
    with Sink() as sink:
        mailing = world.mailing(sink)
        sink.scripts["RCPT"] = every_nth(sink, 100, "550 5.1.1 no such user")
        before = _suppressed(world)
        mailing.ends()
        report = mailing.report("SMTP: 550 for 1 %", sink.book.injected, target_s=15)
        failed, suppressed = mailing.states().get("failed", 0), _suppressed(world) - before
        if not failed == suppressed == len(sink.book.refused):
            report.problems.append(
                f"{len(sink.book.refused)} refused, {failed} failed, {suppressed} suppressed"
            )
        return report


@fault("SMTP: 554 5.7.1 for all from message 300 on", cut="postgres")
def policy(world: World) -> Report:
    """Paused within a few messages of all lanes; no one suppressed; the rest waits."""
    name = "SMTP: 554 5.7.1 for all from message 300 on"
    with Sink() as sink:
        mailing = world.mailing(sink)
        before = _suppressed(world)

        def script(call: Call) -> str | None:
            if call.count <= FROM_MESSAGE:
                return None
            sink.note()
            return "554 5.7.1 message refused by policy"

        sink.scripts["END"] = script
        report = _paused(mailing, name, PauseReason.POLICY, sink)
        refused = len(sink.book.refused)
        if refused > PAUSED_WITHIN:
            report.problems.append(f"{refused} were refused before it paused")
        if _suppressed(world) != before:
            report.problems.append("somebody was suppressed for a refusal of ours")
        return report


@fault("SMTP: AUTH fails in mid-send", cut="sqlite")
def sign_in(world: World) -> Report:
    """Paused, no one failed; continues once the password is correct again."""
    name = "SMTP: AUTH fails in mid-send"
    with Sink(users={USER: PASSWORD}) as sink:
        mailing = world.mailing(sink, username=USER, password=PASSWORD)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        sink.users = {USER: "another password"}
        sink.note()
        sink.hang_up()
        report = _paused(mailing, name, PauseReason.SERVER_REFUSES, sink)
        report.problems += [] if "failed" not in mailing.states() else ["somebody failed for our password"]
        sink.users = {USER: PASSWORD}
        mailing.resume()
        mailing.ends(hurries=True)
        over = mailing.report(name, sink.book.injected, bound=CONNECTIONS)
        over.problems = report.problems + over.problems
        return over


def _paused(mailing: Mailing, name: str, reason: PauseReason, sink: Sink) -> Report:
    """Wait for the pause; a report of the state then."""
    mailing.ends(Status.PAUSED)
    at = time.time()
    found = mailing.campaign()
    report = mailing.report(
        name,
        sink.book.injected,
        bound=CONNECTIONS if sink.users else 0,
        is_over=False,
        recovery_s=at - sink.book.injected[0] if sink.book.injected else 0.0,
    )
    if found != (Status.PAUSED, reason):
        report.problems.append(f"it is {found[0]} ({found[1]}) and not paused for {reason}")
    return report


@fault("SMTP: one domain is a tarpit")
def tarpit(world: World) -> Report:
    """3 in 10 are at a domain that does not answer until the others have got their message."""
    name, lanes = "SMTP: one domain is a tarpit", len(world.workers)
    domains = (*(f"d{each}.example" for each in range(7)), *3 * ("tar.example",))
    with Sink() as sink:
        sink.slow_for["tar.example"] = 3600.0
        mailing = world.mailing(sink, domains=domains)
        others = sum(not each.endswith("@tar.example") for each in mailing.wanted)
        mailing.has_taken(others)
        sink.note()
        most = sink.most_slow_ones
        sink.slow_for["tar.example"] = 0.0
        mailing.ends(hurries=True, timeout_s=150)
        report = mailing.report(name, sink.book.injected, target_s=15)
        if most > lanes:
            report.problems.append(f"{most} connections waited for it, {lanes} lanes may have one each")
        return report


@fault("one server dies, the other is healthy")
def fail_over(world: World) -> Report:
    with Sink() as first, Sink() as second:
        mailing = world.mailing(first, fails_over=True)
        mailing.add(second)
        mailing.goes_on(more=len(mailing.wanted) // 4)
        first.stop()
        died = time.time()
        mailing.ends()
        report = mailing.report(
            "one server dies, the other is healthy", [died], bound=CONNECTIONS, target_s=30
        )
        if not second.book.accepted:
            report.problems.append("the healthy server got nothing")
        return report


def _suppressed(world: World) -> int:
    with world.app.app_context():
        number = db.session.scalar(sa.select(sa.func.count()).select_from(Suppression)) or 0
        db.session.remove()
        return number
