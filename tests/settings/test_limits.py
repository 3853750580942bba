"""Limits of servers and of receiving domains: typed, refused, shown, by page and by command."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from flask import Flask

from campaigns.core import queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.delivery.limits import release
from campaigns.settings import limits, queries, services, warmup
from tests.conftest import make_app, make_config
from tests.factories import make_cast_member, make_server
from tests.settings.servers import TYPED, create, reloaded


def test_the_limits_of_a_server_are_kept_as_they_were_typed(ada) -> None:
    typed = {**TYPED, "per_second": "10", "per_hour": "600", "per_day": ""}
    assert ada.post("/settings/servers/new", data=typed).status_code == 303
    server = reloaded()
    assert (server.per_second, server.per_minute, server.per_hour, server.per_day) == (10, None, 600, None)
    assert server.warm_up_from is None
    page = ada.get("/settings/servers/1/edit").get_data(as_text=True)
    assert 'value="600"' in page


def test_a_connection_is_left_after_as_many_mails_as_the_server_says_S25(ada) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    assert services.connection(reloaded()).messages_per_connection == 100
    ada.post("/settings/servers/1/edit", data={**TYPED, "per_connection": "20"})
    assert services.connection(reloaded()).messages_per_connection == 20


def test_a_limit_of_nothing_is_refused_at_its_field(ada) -> None:
    answer = ada.post("/settings/servers/new", data={**TYPED, "per_minute": "0"})
    assert answer.status_code == 422
    assert queries.servers() == []


def test_a_warm_up_is_kept_and_shown_with_where_it_stands(ada) -> None:
    typed = {**TYPED, "warms_up": "y", "warm_up_from": "2020-02-01", "warm_up_curve": "50, 100; 200"}
    ada.post("/settings/servers/new", data=typed)
    server = reloaded()
    assert (server.warm_up_from, server.warm_up_curve) == (date(2020, 2, 1), [50, 100, 200])
    assert "Warm-up complete" in ada.get("/settings/servers/1/edit").get_data(as_text=True)
    without = {key: value for key, value in typed.items() if key != "warms_up"}
    ada.post("/settings/servers/1/edit", data=without)
    assert reloaded().warm_up_from is None


@pytest.mark.parametrize("curve", ["many", "50, -1", "0", "1.5", "1 " * 121])
def test_what_is_no_curve_is_refused_at_its_field(ada, curve: str) -> None:
    typed = {**TYPED, "warms_up": "y", "warm_up_from": "2026-03-02", "warm_up_curve": curve}
    answer = ada.post("/settings/servers/new", data=typed)
    assert answer.status_code == 422
    assert 'id="warm_up_curve-error"' in answer.get_data(as_text=True)


def test_changing_something_else_keeps_the_limits(app: Flask) -> None:
    server = create(limits=limits.ServerLimits(per_day=5000))
    values = {"host": server.host, "port": server.port, "security": server.security}
    services.update_server(server, name="Renamed", **values)
    assert server.per_day == 5000


def test_the_days_of_a_plan() -> None:
    start = date(2026, 3, 2)
    assert warmup.allowance(start, [50, 100], date(2026, 3, 1)) is None
    assert warmup.allowance(start, [50, 100], date(2026, 3, 2)) == 50
    assert warmup.allowance(start, [50, 100], date(2026, 3, 3)) == 100
    assert warmup.allowance(start, [50, 100], date(2026, 3, 4)) is None


def test_a_server_with_limits_by_command(app: Flask) -> None:
    typed = ["server", "create", "Relay", "--host", "smtp.example.com", "--port", "587", "--security", "tls"]
    result = app.test_cli_runner().invoke(
        args=[*typed, "--per-second", "5", "--per-connection", "20", "--warm-up", "10 20"]
    )
    assert result.exit_code == 0, result.output
    server = reloaded()
    assert (server.per_second, server.per_connection, server.warm_up_curve) == (5, 20, [10, 20])


def test_a_domain_of_a_provider_means_the_provider(ada) -> None:
    answer = ada.post("/settings/domains", data={"domain": "@GoogleMail.com", "per_minute": "600"})
    assert answer.status_code == 303
    assert [(each.domain, each.per_minute) for each in limits.domain_limits()] == [("gmail.com", 600)]
    assert "gmail.com" in ada.get("/settings/domains").get_data(as_text=True)


def test_a_domain_limit_can_be_changed_and_deleted(ada) -> None:
    limits.create_domain_limit("example.com", per_minute=10)
    db.session.commit()
    ada.post("/settings/domains/1", data={"per_minute": "20"})
    db.session.rollback()
    assert limits.domain_limit(1).per_minute == 20
    ada.post("/settings/domains/1", data={"per_minute": "0"})
    db.session.rollback()
    assert limits.domain_limit(1).per_minute == 20
    ada.post("/settings/domains/1/delete")
    db.session.rollback()
    assert limits.domain_limits() == []


def test_a_domain_has_one_limit_and_is_a_domain(app: Flask) -> None:
    limits.create_domain_limit("example.com", per_minute=10)
    with pytest.raises(Conflict):
        limits.create_domain_limit("EXAMPLE.com", per_minute=20)
    with pytest.raises(Invalid):
        limits.create_domain_limit("no domain", per_minute=20)


def test_only_admins_limit_domains(ben) -> None:
    assert ben.get("/settings/domains").status_code == 403
    make_server()


def test_a_limit_that_is_changed_or_deleted_lets_go_whom_it_held_up(
    sqlite_url: str, tmp_path: Path, redis_url: str
) -> None:
    app = make_app(make_config(tmp_path, sqlite_url, redis_url=redis_url))
    with app.app_context():
        admin = app.test_client()
        admin.sign_in_as(make_cast_member("ada"))
        limits.create_domain_limit("example.com", per_minute=10)
        db.session.commit()
        admin.post("/settings/domains/1", data={"per_minute": "20"})
        assert queue.waiting(release.JOB) == 1
        admin.post("/settings/domains/1/delete")
        assert queue.waiting(release.JOB) == 2
        db.session.remove()
