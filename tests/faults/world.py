"""The world of a fault run: the real processes of the app, its databases, and campaigns to sinks.

It stays up from fault to fault, like an installation; each fault gets a campaign, a sending server and a sink
of its own. Waits for retries that would take hours are shortened in the database (`Mailing.hurry`), which to
the app is the same as time passing.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns import create_app, process
from campaigns.audience.models import Origin, Subscriber, Subscription
from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.core import addresses, clock, queue, secrets, signing
from campaigns.core.config import Config
from campaigns.core.db import db, reading
from campaigns.delivery import services as delivery_services
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import Batch, BatchState, Delivery, Receiver, State
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.schema import bring_up_to_date
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server
from tests.factories import make_campaign, make_list, make_server
from tests.faults import verdict
from tests.faults.sink import Notebook, Receipt, Sink
from tests.faults.stores import PrivatePostgres, PrivateRedis
from tests.faults.units import FLASK, Unit
from tests.faults.verdict import Row
from tests.running import free_port

LEASE_S = 10
CONNECTIONS = 4
START_S = 120  # until a process of ours answers, on a busy machine
RECEIVERS = 3
SECRET = "a secret for fault runs that is long enough"
OVER = (Status.FINISHED, Status.CANCELLED)
_numbers = itertools.count(1)


@dataclass
class Report:
    """A row of the table."""

    fault: str
    database: str
    injected: int = 0
    lost: int = 0
    duplicates: int = 0
    bound: int = 0
    unknown: int = 0
    recovery_s: float = 0.0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.problems


class World:
    """`with World("sqlite", people=2000) as world:` starts databases, dispatcher and two workers."""

    def __init__(self, database: str, *, people: int, is_cut: bool = False, root: Path | None = None) -> None:
        """`root`: the folder for all its files; None: the usual place for temporary files."""
        self.root = root
        self.database = database
        self.is_cut = is_cut
        self.people = people

    def __enter__(self) -> World:
        self.folder = Path(tempfile.mkdtemp(prefix=f"columba-faults-{self.database}-", dir=self.root))
        self.redis = PrivateRedis(self.folder)
        self.redis.start()
        self.postgres = PrivatePostgres(self.root) if self.database == "postgres" else None
        self.url = self.postgres.url if self.postgres else f"sqlite:///{self.folder / 'columba.db'}"
        self.port = free_port()
        self.app = self._app()
        with self.app.app_context():
            bring_up_to_date()
        self.environ = {
            **{name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self.url,
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": SECRET,
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "LEASE_SECONDS": str(LEASE_S),
            "PYTHONUNBUFFERED": "1",
        }
        self.dispatcher = self.unit("dispatcher", *FLASK, "dispatcher")
        self.workers = [self.unit(f"worker {number}", *FLASK, "worker") for number in (1, 2)]
        self.web = self.unit("web", *_web(self.port))
        for unit in (*self.workers, self.dispatcher):
            unit.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything that was started, even if the start failed half-way."""
        for unit in (self.web, self.dispatcher, *self.workers):
            unit.end()
        with self.app.app_context():
            db.engine.dispose()
        self.redis.kill()
        if self.postgres:
            self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _app(self) -> Flask:
        return create_app(
            Config(
                data_dir=self.folder,
                database_url=self.url,
                redis_url=self.redis.url,
                secret_key=SECRET,
                public_url=f"http://127.0.0.1:{self.port}",
                limiter_url="memory://",
            )
        )

    def unit(self, name: str, *command: str) -> Unit:
        """A service of this world, not started yet."""
        return Unit(name, command, self.environ, self.folder / f"{name.replace(' ', '-')}.log")

    @property
    def units(self) -> list[Unit]:
        return [self.dispatcher, *self.workers, self.web]

    def look_after(self) -> None:
        """Restart what has died, like a supervisor."""
        for unit in self.units:
            unit.look_after()

    def until(self, condition: Callable[[], Any], *, timeout_s: float, pause_s: float = 0.03) -> bool:
        """Wait, restarting dead processes meanwhile; False if it did not happen in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.look_after()
            time.sleep(pause_s)
        return True

    def kill(self, pid: int) -> None:
        """kill -9 of one process, if it still exists."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        """Let it run."""
        self.until(lambda: False, timeout_s=seconds)

    def mailing(self, sink: Sink, *, people: int | None = None, **options: Any) -> Mailing:
        """A campaign that is due now, to people of its own, over that sink."""
        with self.app.app_context():
            return _mailing(self, sink, people or self.people, **options)

    def tail(self) -> str:
        """The last lines of each process's output."""
        return "\n".join(
            f"== {unit.name}\n{unit.log.read_text(errors='replace')[-1500:]}"
            for unit in self.units
            if unit.log.exists()
        )


class Mailing:
    """A campaign in progress: its state by the sink and the ledger, and the final comparison."""

    def __init__(self, world: World, sinks: list[Sink], campaign_id: int, wanted: list[str]) -> None:
        self.world = world
        self.sinks = sinks
        self.campaign_id = campaign_id
        self.wanted = wanted

    @property
    def receipts(self) -> list[Receipt]:
        return [each for sink in self.sinks for each in sink.book.receipts]

    @property
    def accepted(self) -> int:
        return sum(sink.book.accepted for sink in self.sinks)

    def has_taken(self, number: int, *, timeout_s: float = 60) -> None:
        """Wait until the sinks have accepted that many messages."""

        def has_taken() -> bool:
            self.resumed_if_in_doubt()
            return self.accepted >= number

        if not self.world.until(has_taken, timeout_s=timeout_s):
            raise AssertionError(
                f"only {self.accepted} mails of {number} within {timeout_s:.0f} s; {self.words()}"
            )

    def goes_on(self, *, more: int = 1, timeout_s: float = 75) -> None:
        """Wait until the sinks have accepted more messages than now."""
        self.has_taken(min(self.accepted + more, len(self.wanted)), timeout_s=timeout_s)

    def campaign(self) -> tuple[Status, PauseReason | None]:
        """Its status, and why it is paused."""
        row = self._read(
            sa.select(Campaign.status, Campaign.pause_reason).where(Campaign.id == self.campaign_id)
        )[0]
        return row.status, row.pause_reason

    def ends(self, *statuses: Status, timeout_s: float = 60, hurries: bool = False) -> Status:
        """Wait until it has one of the statuses (by default: it is over) and no lane holds a batch."""
        wanted = statuses or OVER

        def has_ended() -> bool:
            if hurries:
                self.hurry()
            self.resumed_if_in_doubt()
            return self.campaign()[0] in wanted and not self._is_held()

        if not self.world.until(has_ended, timeout_s=timeout_s, pause_s=0.2):
            raise AssertionError(f"after {timeout_s:.0f} s {self.words()}")
        return self.campaign()[0]

    def words(self) -> str:
        """The campaign's state, and the last lines of each process's output."""
        status, reason = self.campaign()
        states = ", ".join(f"{number} {word}" for word, number in self.states().items())
        return f"it is {status} ({reason}): {states}\n{self.world.tail()}"

    def resumed_if_in_doubt(self) -> None:
        """Too many unknown outcomes pause a campaign, as they should: resume it like an operator."""
        if self.campaign() == (Status.PAUSED, PauseReason.IN_DOUBT):
            self.resume()

    def resume(self) -> None:
        """Resume it like an operator."""
        with self.world.app.app_context():
            delivery_services.resume(db.session.get_one(Campaign, self.campaign_id), now=clock.now())
            db.session.commit()
            db.session.remove()
            queue.nudge()

    def states(self) -> dict[str, int]:
        """Number of recipients by state."""
        rows = self._read(
            sa.select(Delivery.state, sa.func.count())
            .where(Delivery.campaign_id == self.campaign_id, Delivery.is_latest)
            .group_by(Delivery.state)
        )
        return {State(row[0]).word: row[1] for row in rows}

    def has_left(self, delivery_id: int) -> bool:
        """Whether the database knows that the recipient has unsubscribed; it may wait in a file."""
        rows = self._read(
            sa.select(Subscription.status)
            .join(Delivery, Delivery.subscriber_id == Subscription.subscriber_id)
            .where(Delivery.id == delivery_id)
        )
        return all(row.status is SubscriptionStatus.UNSUBSCRIBED for row in rows)

    def is_untouched(self, delivery_id: int) -> bool:
        """Whether sending to that recipient has not started yet."""
        row = self._read(sa.select(Delivery.state, Delivery.started_at).where(Delivery.id == delivery_id))[0]
        return row.state is State.PENDING and row.started_at is None

    def add(self, sink: Sink) -> None:
        """Add another server that may step in for the first one."""
        with self.world.app.app_context():
            number = next(_numbers)
            domain = db.session.get_one(Campaign, self.campaign_id).from_email.partition("@")[2]
            make_server(
                f"Sink {number} of {os.getpid()}",
                port=sink.port,
                connections=CONNECTIONS,
                sender_domains=domain,
            )
            db.session.remove()
        self.sinks.append(sink)

    def hurry(self) -> None:
        """Make every retry, closed server and receiver in trouble due now."""
        now = clock.now()
        with self.world.app.app_context():
            later = (Delivery.campaign_id == self.campaign_id, Delivery.next_at > now)
            deliveries = sa.update(Delivery).where(*later).values(next_at=now)
            batches = sa.update(Batch).where(
                Batch.campaign_id == self.campaign_id, Batch.state == BatchState.READY, Batch.next_at > now
            )
            servers = sa.update(Server).where(Server.closed_until > now).values(closed_until=now)
            receivers = sa.update(Receiver).where(Receiver.next_at > now).values(next_at=now)
            for statement in (deliveries, batches.values(next_at=now), servers, receivers):
                db.session.execute(statement.execution_options(synchronize_session=False))
            db.session.commit()
            queue.nudge()

    def report(
        self,
        fault: str,
        injected: list[float],
        *,
        bound: int = 0,
        in_doubt: int | None = None,
        target_s: float = 75,
        is_over: bool = True,
        recovery_s: float | None = None,
        least_injected: int = 1,
        knows_all: bool = True,
    ) -> Report:
        """Compare both sides. `injected`: when each fault ended; recovery is the time to the next message."""
        findings = verdict.examine(
            self.rows(),
            self.receipts,
            wanted=self.wanted,
            refused={each for sink in self.sinks for each in sink.book.refused},
            bound=bound,
            in_doubt=in_doubt,
            is_over=is_over,
            knows_all=knows_all,
        )
        report = Report(fault, self.world.database, len(injected), findings.lost, findings.duplicates, bound)
        report.unknown = findings.unknown
        report.problems = findings.problems + self._unbalanced()
        report.recovery_s = self.recovery(injected) if recovery_s is None else recovery_s
        if len(injected) < least_injected:
            report.problems.append(f"injected {len(injected)} times, at least {least_injected} were meant")
        if report.recovery_s > target_s:
            report.problems.append(f"recovery took {report.recovery_s:.1f} s, allowed are {target_s:.0f} s")
        return report

    def recovery(self, injected: list[float]) -> float:
        """The longest time, in seconds, from the end of a fault to the next accepted message."""
        taken = sorted(each.taken_at for each in self.receipts)
        waits = [next((at - moment for at in taken if at > moment), 0.0) for moment in injected]
        return max(waits, default=0.0)

    def rows(self) -> list[Row]:
        """The ledger, with addresses as on the list."""
        statement = (
            sa.select(Subscriber.email, Delivery.state, Delivery.doubts, Delivery.reason)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Delivery.campaign_id == self.campaign_id, Delivery.is_latest)
        )
        return [Row(row.email, row.state, row.doubts, row.reason or "") for row in self._read(statement)]

    def _unbalanced(self) -> list[str]:
        """Contradictions between the app's own figures and its ledger."""
        with self.world.app.app_context(), reading():
            try:
                return tallies.faults(Campaign.id == self.campaign_id, most=10_000)
            finally:
                db.session.rollback()
                db.session.remove()

    def _is_held(self) -> bool:
        held = sa.select(Batch.id).where(
            Batch.campaign_id == self.campaign_id, Batch.state == BatchState.LEASED
        )
        return bool(self._read(held.limit(1)))

    def _read(self, statement: Any) -> list[Any]:
        with self.world.app.app_context(), reading():
            try:
                return list(db.session.execute(statement).all())
            finally:
                db.session.rollback()
                db.session.remove()


def _mailing(
    world: World, sink: Sink, people: int, *, domains: tuple[str, ...] = (), **values: Any
) -> Mailing:
    readers = make_list(
        f"Readers {os.getpid()}-{next(_numbers)}", public_id=f"l{os.getpid()}-{next(_numbers)}"
    )
    number = next(_numbers)
    # Own receivers: the trouble that a fault causes there must not affect the next one.
    wanted = _people(
        readers.id, people, domains or tuple(f"r{number}-{each}.example" for each in range(RECEIVERS))
    )
    domain = f"sender{number}.example"  # each server sends for one campaign and steps in for no other
    password = values.pop("password", None)
    options = {name: values.pop(name) for name in list(values) if name in _OF_SERVER}
    server = make_server(
        f"Sink {number} of {os.getpid()}",
        port=sink.port,
        sender_domains=domain,
        verify_certificate=False,
        **{"connections": CONNECTIONS, **options},
    )
    if password:
        server.password_sealed = secrets.seal(SECRET, password, owner=f"server:{server.id}")
        db.session.commit()
    values["server_id"] = server.id
    values["from_email"] = f"news@{domain}"
    values = {
        "status": Status.SCHEDULED,
        "send_at": clock.now() - timedelta(seconds=1),
        "fails_over": False,
        **values,
    }
    campaign = make_campaign(lists=[readers], **values)
    campaign_id = campaign.id
    db.session.remove()
    queue.nudge()
    return Mailing(world, [sink], campaign_id, wanted)


_OF_SERVER = {"connections", "username", "security"}


def _people(list_id: int, number: int, domains: tuple[str, ...]) -> list[str]:
    prefix = f"r{next(_numbers)}x"
    emails = [f"{prefix}{each}@{domains[each % len(domains)]}" for each in range(number)]
    now = clock.now()
    key = settings_queries.link_key()
    db.session.execute(
        sa.insert(Subscriber),
        [
            {
                "email": email,
                "address": addresses.normalise(email),
                "address_key": signing.address_key(key, addresses.normalise(email)),
                "fields": {"first_name": f"Zoë {each}"},
                "created_at": now,
                "updated_at": now,
            }
            for each, email in enumerate(emails)
        ],
    )
    ids = db.session.scalars(sa.select(Subscriber.id).where(Subscriber.email.startswith(prefix))).all()
    db.session.execute(
        sa.insert(Subscription),
        [
            {
                "list_id": list_id,
                "subscriber_id": each,
                "status": SubscriptionStatus.SUBSCRIBED,
                "origin": Origin.IMPORT,
                "created_at": now,
                "changed_at": now,
            }
            for each in ids
        ],
    )
    db.session.commit()
    return emails


def _web(port: int) -> list[str]:
    return [*process.command("webserver"), "--port", str(port)]


__all__ = ["Mailing", "Notebook", "Report", "World"]
