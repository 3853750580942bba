"""Servers that send wrong, malformed or false replies: other recipients must not be affected."""

from __future__ import annotations

from tests.fakes.smtp_server import Call
from tests.faults.answers import every_nth
from tests.faults.faults import fault
from tests.faults.sink import CHUNKED, Script, Sink
from tests.faults.world import Report, World

# Replies that some servers give to one recipient and that say nothing about others.
WRONG = (
    "450 4.2.1 The user you are trying to contact is receiving mail at a rate that is too high",
    "421 4.7.0 Try again later, closing connection",
    "550 Administrative prohibition",
    "452 4.5.3 Too many recipients",
    "535 5.7.8 Authentication credentials invalid",
    "503 5.5.1 Bad sequence of commands",
    "550 5.7.1 Message rejected due to content restrictions",
    "451 4.4.2 Monthly credits exhausted",
)
EVERY = 12  # every n-th reply contains NUL


@fault("SMTP: wrong sentences to single recipients", cut="sqlite")
def wrong(world: World) -> Report:
    """The others get their messages meanwhile, at once and without an operator."""
    name = "SMTP: wrong sentences to single recipients"
    with Sink() as sink:
        mailing = world.mailing(sink, people=world.people // 2)
        step = len(mailing.wanted) // (len(WRONG) + 1)
        said = {mailing.wanted[(number + 1) * step]: reply for number, reply in enumerate(WRONG)}

        def script(call: Call) -> str | None:
            reply = next((said[each] for each in said if f"<{each}>" in call.argument), None)
            if reply:
                sink.note()
            return reply

        sink.scripts["RCPT"] = script
        mailing.has_taken(len(mailing.wanted) - len(said), timeout_s=75)
        status, reason = mailing.campaign()
        del sink.scripts["RCPT"]
        mailing.ends(hurries=True)
        report = mailing.report(name, sink.book.injected[:1], target_s=15)
        report.injected = len(sink.book.injected)
        failed = mailing.states().get("failed", 0)
        if reason is not None:
            report.problems.append(f"it was {status} ({reason}) because of single recipients")
        if failed > len(said):
            report.problems.append(f"{failed} failed, {len(said)} were refused")
        return report


@fault("SMTP: NUL in replies", cut="postgres")
def nul(world: World) -> Report:
    """NUL in stored replies to acceptances, deferrals and refusals; PostgreSQL rejects it in text."""
    with Sink() as sink:
        mailing = world.mailing(sink, people=world.people // 4)
        sink.scripts["END"] = every_nth(sink, EVERY, "250 2.0.0 queued as \0\0")
        sink.scripts["RCPT"] = _alternating(sink, "451 4.2.0 not \0 now", "550 5.1.1 no such \0 user")
        mailing.ends(hurries=True)
        return mailing.report("SMTP: NUL in replies", sink.book.injected, target_s=15)


def _alternating(sink: Sink, *replies: str) -> Script:
    """Rare enough for the bounce brake."""

    def script(call: Call) -> str | None:
        if call.count % (2 * EVERY):
            return None
        sink.note()
        return replies[call.count // (2 * EVERY) % len(replies)]

    return script


@fault("SMTP: CHUNKING that lies", cut="postgres")
def lying(world: World) -> Report:
    """It offers BDAT and reads the text behind it as commands: messages are sent by DATA instead."""
    with Sink(keywords=CHUNKED, knows_bdat=False) as sink:
        mailing = world.mailing(sink, people=world.people // 4)
        mailing.ends(hurries=True)
        sink.note()
        report = mailing.report("SMTP: CHUNKING that lies", sink.book.injected, recovery_s=0)
        report.injected = len(sink.said("BDAT"))
        if not report.injected:
            report.problems.append("nobody has tried BDAT")
        if mailing.states() != {"sent": len(mailing.wanted)}:
            report.problems.append(f"not everybody got it: {mailing.states()}")
        return report
