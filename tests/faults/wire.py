"""SMTP connections that drop, at each phase of a session."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from campaigns.mail.security import Security
from tests.fakes.smtp_server import Call, Drop
from tests.faults.faults import fault
from tests.faults.sink import Cut, Script, Sink
from tests.faults.world import CONNECTIONS, Report, World

EVERY = 25  # every n-th message
REFUSED_CONNECTIONS = 3
USER, PASSWORD = "columba", "a password for the sink"
HANDSHAKE = {"banner": "BANNER", "EHLO": "EHLO", "STARTTLS": "STARTTLS", "AUTH": "AUTH"}
ENVELOPE = {"MAIL": "MAIL", "RCPT": "RCPT", "DATA": "DATA", "middle of the body": "BODY"}
# Messages the sink accepted in these phases are in doubt for the app: one second copy each.
AFTER_THE_DOT = {"after the dot": b"", "in the reply": b"250 2.0"}


def _connection_phases(world: World, name: str, verb: str) -> Report:
    """In mid-send all connections are closed, and the next ones drop in this phase."""
    with Sink(tls="starttls", users={USER: PASSWORD}) as sink:
        mailing = world.mailing(
            sink, people=world.people // 4, security=Security.STARTTLS, username=USER, password=PASSWORD
        )
        mailing.goes_on(more=len(mailing.wanted) // 5)

        def script(_call: Call) -> str | None:
            if sink.book.accepted and len(sink.book.injected) < REFUSED_CONNECTIONS:
                sink.note()
                raise Drop
            return None

        sink.scripts[verb] = script
        ended = _hang_up(sink)
        mailing.ends(hurries=True)
        return mailing.report(name, sink.book.injected, bound=ended, target_s=15)


def _hang_up(sink: Sink) -> int:
    """Close every connection; returns the most messages that were in flight, accepted and not answered."""
    number = sink.open_connections
    sink.hang_up()
    return number


def _mail_phases(
    world: World,
    name: str,
    verb: str,
    script: Callable[[Sink], Script],
    bound: int,
    in_doubt: int | None = None,
) -> Report:
    """Each 25th message is dropped in this phase. `bound`: second copies per drop; `in_doubt`: unknowns."""
    with Sink() as sink:
        mailing = world.mailing(sink, people=world.people // 4)
        sink.scripts[verb] = script(sink)
        mailing.ends(hurries=True, timeout_s=90)
        injected = sink.book.injected
        unknown = None if in_doubt is None else in_doubt * len(injected)
        return mailing.report(name, injected, bound=bound * len(injected), in_doubt=unknown, target_s=15)


def _dropping(sink: Sink) -> Script:
    def script(call: Call) -> None:
        if call.count % EVERY == EVERY - 1:
            sink.note()
            raise Drop

    return script


def _cutting(said: bytes) -> Callable[[Sink], Script]:
    def of(sink: Sink) -> Script:
        def script(call: Call) -> None:
            if call.count % EVERY == EVERY - 1:
                sink.note()
                raise Cut(said)

        return script

    return of


@fault("SMTP drop: connect")
def connect(world: World) -> Report:
    """No one listens for two seconds, twice."""
    with Sink() as sink:
        mailing = world.mailing(sink, people=world.people // 2)
        moments = []
        for _time in range(2):
            mailing.goes_on(more=len(mailing.wanted) // 5)
            sink.stop()
            world.wait(2)
            sink.start()
            moments.append(time.time())
            mailing.hurry()
            world.wait(0.5)
        mailing.ends(hurries=True)
        return mailing.report("SMTP drop: connect", moments, bound=CONNECTIONS * len(moments), target_s=15)


for _phase, _verb in HANDSHAKE.items():
    _name = f"SMTP drop: {_phase}"
    fault(_name)(functools.partial(_connection_phases, name=_name, verb=_verb))
for _phase, _verb in ENVELOPE.items():
    _name = f"SMTP drop: {_phase}"
    _cut = {"RCPT": "sqlite", "middle of the body": "postgres"}.get(_phase)
    # With a whole message in a chunk, its end is handed over by then: if dropped twice, its outcome is
    # unknown.
    _inject = functools.partial(_mail_phases, name=_name, verb=_verb, script=_dropping, bound=0, in_doubt=1)
    fault(_name, cut=_cut)(_inject)
for _phase, _said in AFTER_THE_DOT.items():
    _name = f"SMTP drop: {_phase}"
    _cut = "sqlite" if _said else "postgres"
    fault(_name, cut=_cut)(
        functools.partial(_mail_phases, name=_name, verb="END", script=_cutting(_said), bound=1)
    )
fault("SMTP drop: after the dot, not taken")(
    functools.partial(
        _mail_phases,
        name="SMTP drop: after the dot, not taken",
        verb="END",
        script=_dropping,
        bound=0,
        in_doubt=1,
    )
)
