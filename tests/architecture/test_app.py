"""What must be true of the whole app: guards, jobs, migrations, templates, secrets."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from inspect import getsource, unwrap
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from campaigns.accounts import policy
from campaigns.accounts.models import Role
from campaigns.accounts.policy import Action
from campaigns.core import jobs
from campaigns.core.db import db

ROOT = Path(__file__).resolve().parents[2]


def test_every_route_says_whom_it_lets_in(app: Flask) -> None:
    silent = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and not hasattr(app.view_functions[rule.endpoint], "guard")
    ]
    assert silent == []


def test_a_route_that_says_nothing_is_closed(app: Flask) -> None:
    app.add_url_rule("/forgotten-guard", view_func=lambda: "secret")
    answer = app.test_client().get("/forgotten-guard")
    assert answer.status_code == 500
    assert b"secret" not in answer.data


def test_nobody_gets_past_a_guard_without_signing_in(app: Flask, client) -> None:
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", None)
        if not isinstance(guard, Action):
            continue
        url = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        answer = client.open(url, method=method)
        assert answer.status_code == 302, f"{rule.endpoint} answered {answer.status_code}"
        assert "/sign-in" in answer.location


def test_a_viewer_can_change_nothing(app: Flask, cleo) -> None:
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", None)
        if guard in (Action.EDIT_PEOPLE, Action.EDIT_CAMPAIGNS, Action.PRACTISE, Action.ADMINISTER):
            url = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            assert cleo.open(url, method=method).status_code == 403, rule.endpoint


def test_a_role_can_be_given_reports_and_nothing_else(app: Flask, cleo, monkeypatch) -> None:
    monkeypatch.setitem(policy.ALLOWED, Role.VIEWER, {Action.SIGN_IN, Action.READ_REPORTS})
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", None)
        if isinstance(guard, Action) and guard not in policy.ALLOWED[Role.VIEWER]:
            url = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
            method = "GET" if "GET" in (rule.methods or ()) else "POST"
            assert cleo.open(url, method=method).status_code == 403, rule.endpoint
    home = cleo.get("/").get_data(as_text=True)
    for address in ("/people", "/campaigns", "/settings", "/deliverability"):
        assert f'href="{address}"' not in home


# What changes nothing that anybody would ask about, or is written down by what follows it.
OFF_THE_RECORD = {
    "inbound.mailbox_test",
    "audience.create_selection",
    "audience.deletion",
    "audience.export_create",  # what it leads to is on the log
    "audience.import_format",
    "audience.import_rematch",
    "audience.unsubscription",
    "planning.create_time",
    "planning.delete_editing",
    "planning.find",
    "planning.keep_text",
    "planning.show_unsaved",
    "templates.find",
    "templates.show_unsaved",
    "reports.dismiss_campaign",
    "reports.dismiss_import",
    "segments.count",
    "segments.create_count",
    "settings.server_test",
    "settings.server_test_mail",
}


def test_what_operators_change_is_on_the_audit_log(app: Flask) -> None:
    silent = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
        and isinstance(getattr(app.view_functions[rule.endpoint], "guard", None), Action)
        and not writes_the_log(unwrap(app.view_functions[rule.endpoint]))
    }
    assert silent == OFF_THE_RECORD


GUARDS = "campaigns.accounts.guards"  # they record whom they refuse, whatever the page is


def writes_the_log(view: Any) -> bool:
    """Whether the view, or whatever it calls of ours in any module, records something."""
    seen: set[tuple[str, str]] = set()
    ahead = {(view.__module__, view.__name__)}
    while ahead:
        seen |= ahead
        called = set().union(*(_called_by(*each) for each in ahead))
        if ("campaigns.audit.services", "record") in called:
            return True
        ahead = {each for each in called if each[0] != GUARDS} - seen
    return False


def _called_by(module: str, name: str) -> set[tuple[str, str]]:
    """The functions of ours that it calls, each by its module and name."""
    functions, known = _read(module)
    if name not in functions:  # the module only passes it on
        return {known[name]} if name in known else set()
    found = set()
    for call in functions[name]:
        target, _dot, attribute = call.rpartition(".")
        if not target and call in functions:
            found.add((module, call))
        elif not target and call in known:
            found.add(known[call])
        elif target in known:
            found.add((".".join(known[target]), attribute))
    return found


@cache
def _read(module: str) -> tuple[dict[str, set[str]], dict[str, tuple[str, str]]]:
    """What each function of a module calls, and what its imported names stand for."""
    try:
        tree = ast.parse(getsource(import_module(module)))
    except (ModuleNotFoundError, OSError):  # a class, a value, or a package with nothing in it
        return {}, {}
    functions = {
        each.name: {ast.unparse(call.func) for call in ast.walk(each) if isinstance(call, ast.Call)}
        | {
            ast.unparse(word.value)
            for call in ast.walk(each)
            if isinstance(call, ast.Call)
            for word in call.keywords
        }
        | {ast.unparse(given) for call in ast.walk(each) if isinstance(call, ast.Call) for given in call.args}
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef)
    }
    known = {
        alias.asname or alias.name: (each.module, alias.name)
        for each in ast.walk(tree)
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("campaigns")
        for alias in each.names
    }
    return functions, known


def test_a_post_without_csrf_token_is_refused(app: Flask, ada) -> None:
    exempt = {"public", "signup", "hook_doors"}
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint.split(".")[0] in exempt:
            continue
        url = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
        assert ada.open(url, method="POST", csrf=False).status_code == 400, rule.endpoint


@pytest.mark.parametrize("job", sorted(jobs.JOBS))
def test_every_job_exists_and_is_asked_for_somewhere(job: str) -> None:
    module, _, name = job.rpartition(".")
    assert callable(getattr(import_module(module), name))
    sources = [
        path.read_text()
        for path in (ROOT / "campaigns").rglob("*.py")
        if path != ROOT / "campaigns" / "core" / "jobs.py"
    ]
    assert any(f'"{job}"' in source for source in sources)


def is_modelled(name: str | None, kind: str, _parents: object) -> bool:
    """The index of people's texts is a migration's alone: FTS5 has tables of its own."""
    return not (kind in ("table", "index") and (name or "").startswith(("person_text", "ix_subscriber_text")))


def test_migrations_make_exactly_the_tables_of_the_models(each_database: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": is_modelled}
        )
        assert compare_metadata(context, db.metadata) == []


def test_there_is_one_head_of_migrations() -> None:
    revisions = [path.read_text() for path in (ROOT / "migrations" / "versions").glob("*.py")]
    ids = {re.search(r'^revision = "(\w+)"', text, re.M)[1] for text in revisions}
    followed = {
        found[1] for text in revisions if (found := re.search(r'^down_revision = "(\w+)"', text, re.M))
    }
    assert len(ids - followed) == 1


def test_templates_hold_no_inline_script_style_or_unchecked_html() -> None:
    faults = []
    for path in (ROOT / "templates").rglob("*.html"):
        if "starters" in path.parts:
            continue
        text = path.read_text()
        name = path.relative_to(ROOT)
        faults += [f"{name}: |safe"] if re.search(r"\|\s*safe\b", text) else []
        faults += [f"{name}: inline style"] if re.search(r"<[a-z][^<>]*\sstyle=", text) else []
        faults += [f"{name}: inline handler"] if re.search(r"<[a-z][^<>]*\son[a-z]+=\"", text) else []
        faults += (
            [f"{name}: inline script"] if re.search(r"<script(?![^>]*\b(src|application/json))", text) else []
        )
    assert faults == []


def test_no_production_code_asks_whether_it_is_tested() -> None:
    faults = [
        str(path)
        for path in (ROOT / "campaigns").rglob("*.py")
        if re.search(r"TESTING|PYTEST_CURRENT_TEST|under_test", path.read_text())
    ]
    assert faults == []
