"""What a worker on a host of its own can do with three settings and an empty folder, and what it leaves alone."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.imports import jobs, setup
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.delivery import alerts
from campaigns.mail.security import Security
from campaigns.notices.models import Notice
from campaigns.planning.models import Revision
from campaigns.settings import services as settings_services
from tests.delivery.factories import make_launched, send, states
from tests.factories import make_list, make_operator
from tests.fakes.smtp_server import SmtpServer


def move_to(app: Flask, folder: Path, **changes: str) -> None:
    """From here on the app is a worker on another host."""
    app.extensions["columba"] = replace(app.extensions["columba"], data_dir=folder, **changes)


def test_links_lead_to_the_site_whatever_the_workers_host_was_told(app: Flask, tmp_path: Path) -> None:
    app.extensions["columba"] = replace(app.extensions["columba"], public_url="https://mail.example.org")
    with SmtpServer() as server:
        campaign = make_launched(server, people=2)
        move_to(app, tmp_path / "elsewhere", public_url="http://127.0.0.1:8000")
        send(campaign)
        mail = server.messages[0][2].replace(b"=\r\n", b"")
        assert b"https://mail.example.org/u/" in mail
        assert b"127.0.0.1" not in mail
        assert "EHLO mail.example.org" in server.commands
    assert states(campaign) == {"sent": 2}
    make_operator()
    alerts.post(campaign.id, now=clock.now())
    assert "https://mail.example.org/campaigns/" in db.session.scalars(sa.select(Notice.text)).one()
    assert db.session.scalars(sa.select(Revision.public_url)).one() == "https://mail.example.org"


def test_an_import_is_left_to_workers_that_have_its_file(app: Flask, tmp_path: Path) -> None:
    home = app.extensions["columba"].data_dir
    made = setup.create_import(
        io.BytesIO(b"email\nana@example.org\n"), file_name="people.csv", list_=make_list(), now=clock.now()
    )
    number = made.id
    db.session.commit()
    move_to(app, tmp_path / "elsewhere")
    jobs.run_import(number)
    assert db.session.get_one(Import, number).status is ImportStatus.QUEUED
    move_to(app, home)
    jobs.run_import(number)
    db.session.rollback()
    assert db.session.get_one(Import, number).status is ImportStatus.FINISHED


def test_a_worker_with_another_secret_says_so_instead_of_stopping_campaigns(app: Flask) -> None:
    settings_services.check_secret()
    settings_services.create_server(
        "relay",
        host="relay.example.org",
        port=587,
        security=Security.STARTTLS,
        username="columba",
        password="carrier",
        now=clock.now(),
    )
    db.session.commit()
    settings_services.check_secret()
    app.extensions["columba"] = replace(app.extensions["columba"], secret_key="another one, as long as that")
    with pytest.raises(Misconfigured, match="Set the same SECRET_KEY on all hosts"):
        settings_services.check_secret()
