"""A campaign over every real server, on each way in that the server has: once for everybody, exact to the byte."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.mail.security import Security
from campaigns.planning.models import Campaign, Status
from campaigns.settings import services as settings_services
from campaigns.settings.limits import ServerLimits
from campaigns.settings.models import Server
from tests.delivery.factories import id_of, states
from tests.running import ROOT
from tests.servers import campaign as campaigns
from tests.servers.fleet import DEBIAN, OTHERS
from tests.servers.opensmtpd import OpenSmtpd
from tests.servers.server import PASSWORD, READERS, RealServer, Way, until

CONNECTIONS = 3
# Slow enough that a server can be stopped in the middle.
PER_SECOND = 60
AT_LEAST_BEFORE = 60
MOST_ON_THE_WIRE = CONNECTIONS * 11  # as the manual says: connections times one more than are piped at a time


QUICK = {"plain": [], "auth": [pytest.mark.long]}  # what `make test` and `make long` have time for


def _courses() -> Iterator[object]:
    for server in (*DEBIAN, *OTHERS):
        for name, way in server.ways.items():
            quick = QUICK.get(name) if server in DEBIAN else None
            marks = [
                pytest.mark.xdist_group(server.name),
                *([pytest.mark.all_servers] if quick is None else quick),
            ]
            yield pytest.param(server, way, id=f"{server.name}-{name}", marks=marks)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "server"
    found.mkdir()
    return found


def make_row(server: RealServer, way: Way, *, per_second: int | None = None) -> Server:
    """The server as an operator enters it: its certificate is verified."""
    row = settings_services.create_server(
        server.name,
        host="localhost",
        port=server.ports[way.port],
        security=way.security,
        username=server.user if way.signs_in else None,
        password=PASSWORD if way.signs_in else None,
        connections=CONNECTIONS,
        limits=ServerLimits(per_second=per_second),
        now=clock.now(),
    )
    db.session.commit()
    return row


def trust(server: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make its certificate one that this process trusts."""
    path = server.folder / "trusted.pem"
    path.write_bytes(server.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.mark.servers
@pytest.mark.parametrize(("kind", "way"), list(_courses()))
def test_a_campaign_goes_out_once_to_everybody_and_exact_to_the_byte(
    kind: type[RealServer], way: Way, app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := kind.why_not():
        pytest.skip(reason)
    with kind(folder) as server:
        trust(server, monkeypatch)
        campaign = campaigns.make_launched(make_row(server, way))
        with sending(app, id_of(campaign), server):
            pass
        taken = server.taken()
    assert_all_sent(campaign)
    # What a server can't take is found out once, by the mails that are on the wire then.
    assert len(campaigns.troubles_of(id_of(campaign))) <= MOST_ON_THE_WIRE
    assert campaigns.doubts_of(id_of(campaign)) == 0
    assert set(Counter(mail.address for mail in taken).values()) == {1}
    assert {mail.address: mail.raw for mail in taken} == campaigns.composed(id_of(campaign))


@pytest.mark.servers
@pytest.mark.all_servers
@pytest.mark.parametrize("end", ["stopped", "killed"])
@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in (*DEBIAN, *OTHERS)])
def test_a_server_that_is_started_again_in_mid_send_costs_nobody_the_mail(
    kind: type[RealServer], end: str, app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := kind.why_not():
        pytest.skip(reason)
    with kind(folder) as server:
        trust(server, monkeypatch)
        way = next(iter(server.ways.values()))
        campaign = campaigns.make_launched(make_row(server, way, per_second=PER_SECOND))
        number = id_of(campaign)
        with sending(app, number, server):
            until(lambda: server.count() >= AT_LEAST_BEFORE, "it took no mails")
            (server.stop if end == "stopped" else server.kill)()
            assert campaigns.done(number) < READERS, "all was over before"
            server.start()
        taken = server.taken()
    assert_all_sent(campaign)
    expected = campaigns.composed(number)
    assert {mail.address for mail in taken} == set(expected)
    assert all(mail.raw == expected[mail.address] for mail in taken)
    # Who was on the wire when it ended may get a second copy: the answer never came.
    accepted = {(mail.address, mail.number) for mail in taken}
    assert len(accepted) - READERS <= campaigns.doubts_of(number)
    assert campaigns.doubts_of(number) <= MOST_ON_THE_WIRE


@contextmanager
def sending(app: Flask, campaign_id: int, server: RealServer) -> Iterator[None]:
    """The campaign is sent meanwhile; at the end it is over, or the server was silent for too long."""

    def run() -> None:
        with app.app_context():
            campaigns.send(campaign_id, is_wanted=lambda: not is_over.is_set())
            db.session.remove()

    is_over = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
        thread.join(campaigns.TIME_S)
        assert not thread.is_alive(), f"{campaigns.done(campaign_id)} of {READERS} are done, and no more come"
    finally:
        is_over.set()
        if thread.is_alive():
            server.kill()  # whoever waits for its answer
            thread.join()


def assert_all_sent(campaign: Campaign) -> None:
    said = "\n".join(sorted(set(campaigns.troubles_of(id_of(campaign))))[:20])
    assert states(campaign) == {"sent": READERS}, said
    assert campaigns.status_of(id_of(campaign)) is Status.FINISHED


def test_what_the_app_makes_is_awkward_on_the_wire(app: Flask) -> None:
    """Else the comparison above would show less than it says."""
    row = settings_services.create_server(
        "nobody", host="localhost", port=2525, security=Security.NONE, now=clock.now()
    )
    campaign = campaigns.make_launched(row)
    campaigns.mark_started(id_of(campaign))
    mails = campaigns.composed(id_of(campaign))
    assert len(mails) == READERS
    for mail in mails.values():
        assert b"\r\n.\r\n" in mail, "a line that would end it"
        assert b"\n" not in mail.replace(b"\r\n", b"")
        assert b"\r" not in mail.replace(b"\r\n", b"")
        assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert len(set(mails.values())) == READERS


@pytest.mark.servers
@pytest.mark.xdist_group(OpenSmtpd.name)
def test_no_server_outlives_the_process_that_started_it(folder: Path) -> None:
    """However that ended: what runs as root must not go on behind anybody's back."""
    if reason := OpenSmtpd.why_not():
        pytest.skip(reason)
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTS_ONE, str(folder)], cwd=ROOT, stdout=subprocess.PIPE
    )
    with starter:
        assert starter.stdout
        port = int(starter.stdout.readline())
        assert is_open(port)
        starter.kill()
    until(lambda: not is_open(port), "it goes on")


_STARTS_ONE = """
import sys, time, pathlib
from tests.servers.opensmtpd import OpenSmtpd
server = OpenSmtpd(pathlib.Path(sys.argv[1]))
server.start()
print(server.ports["smtp"], flush=True)
time.sleep(600)
"""


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
