"""Mails about alerts go out at once: over a server that works, beside a lane that sends."""

from __future__ import annotations

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.delivery.dispatch.lookout import Lookout
from campaigns.notices import services as notices_services
from campaigns.notices.jobs import send_notice
from campaigns.notices.models import Notice
from tests.factories import make_server
from tests.fakes.smtp_server import SmtpServer
from tests.running import free_port


def post(*, is_urgent: bool = True) -> int:
    text = MailText("Firing: Disk full", "/var 95%\n")
    made = notices_services.post(
        text, kind="monitoring", to="ops@example.com", now=clock.now(), is_urgent=is_urgent
    )
    db.session.commit()
    return made.id


def test_an_urgent_notice_takes_the_next_server_if_the_fastest_is_down(app: Flask) -> None:
    with SmtpServer() as slow:
        make_server("Down", port=free_port(), is_default=True, measured_per_minute=9000)
        make_server("Up", port=slow.port, measured_per_minute=10)
        plain, urgent = post(is_urgent=False), post()
        send_notice(plain)
        assert slow.addresses == []
        send_notice(urgent)
        assert slow.addresses == ["ops@example.com"]
    assert db.session.get_one(Notice, urgent, populate_existing=True).sent_at is not None
    assert db.session.get_one(Notice, plain, populate_existing=True).sent_at is None


def test_an_urgent_notice_does_not_wait_for_a_worker_that_sends(app: Flask) -> None:
    with SmtpServer() as server:
        make_server(port=server.port, is_default=True)
        post(is_urgent=False)
        urgent = post()
        lookout = Lookout(
            app.app_context, send_notice=send_notice, other_jobs_wait=lambda: False, now=clock.now
        )
        with lookout:
            lookout.send_urgent()
        assert len(server.messages) == 1
    assert db.session.get_one(Notice, urgent, populate_existing=True).sent_at is not None


def test_an_urgent_notice_is_sent_once_by_two_workers(app: Flask) -> None:
    with SmtpServer(delay_s=0.2) as server:
        make_server(port=server.port, is_default=True)
        post()
        both = [
            Lookout(app.app_context, send_notice=send_notice, other_jobs_wait=lambda: False, now=clock.now)
            for _worker in range(2)
        ]
        for lookout in both:
            lookout.__enter__()
            lookout.send_urgent()
        for lookout in both:
            lookout.__exit__(None, None, None)
        assert len(server.messages) == 1
