"""Rules for tests: what is written, who signs it, and what happens outside."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound import jobs
from campaigns.inbound.models import InboundMessage
from campaigns.inbound.rules import meeting, queries, services
from campaigns.inbound.rules.matching import Condition, How, Part
from campaigns.inbound.rules.models import Act, Proof, Rule, RuleRun, RunState
from campaigns.inbound.rules.services import Written
from campaigns.settings.domains.signing import sign_from
from tests.factories import make_operator
from tests.fakes.name_server import NameServer
from tests.inbound.mails import letter, make_message
from tests.settings.domains import make_domain, zone_of

SENDER = "ana@team.example"
FROM = Condition(Part.FROM, How.EQUALS, SENDER)
ABOUT = Condition(Part.SUBJECT, How.BEGINS, "Columba:")


def make_rule(
    act: Act,
    *,
    proof: Proof = Proof.SIGNATURE,
    conditions: tuple[Condition, ...] = (FROM, ABOUT),
    **values: Any,
) -> Rule:
    written = Written(f"Rule {act}", conditions, proof, act, **values)
    made = services.create(written, by=make_operator(), now=clock.now())
    db.session.commit()
    return made


def written(
    to: str = "team@news.example",
    *,
    number: int = 1,
    subject: str = "Columba: please",
    sender: str = SENDER,
) -> bytes:
    ids = f"Message-ID: <rule{number}@team.example>\nDate: {format_datetime(clock.now())}\n"
    return letter(to, sender, subject=subject, more=ids, text="Please do.")


def signed(raw: bytes) -> bytes:
    sign = sign_from(SENDER, clock.now())
    assert sign is not None
    head, _, body = raw.partition(b"\r\n\r\n")
    return sign(head + b"\r\n", body) + raw


def read(raw: bytes) -> InboundMessage:
    message = make_message(raw)
    meeting.handle(message.id, now=clock.now())
    db.session.commit()
    for each in queries.due(now=clock.now()):
        jobs.run_rule(each)
    db.session.expire_all()
    return message


def runs() -> list[RunState]:
    return list(db.session.scalars(sa.select(RuleRun.state).order_by(RuleRun.id)))


@contextmanager
def signing_team(app: Flask) -> Iterator[NameServer]:
    """A team whose domain signs, and the name server that has its keys."""
    with NameServer(zone_of(make_domain("team.example"))) as dns:
        app.extensions["columba"] = replace(app.extensions["columba"], dns_server=dns.address)
        yield dns


def listed(folder: Path, **commands: list[str]) -> Path:
    path = folder / "commands.toml"
    path.write_text(
        "[commands]\n" + "".join(f"{name} = {json.dumps(words)}\n" for name, words in commands.items())
    )
    path.chmod(0o600)
    return path


@contextmanager
def listening(status: int = 204) -> Iterator[tuple[str, list[Any]]]:
    heard: list[Any] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        server.server_close()
