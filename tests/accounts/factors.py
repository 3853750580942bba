"""Second factors for tests: an app with its codes, recovery codes, a passkey."""

from __future__ import annotations

import html
import json
import re
import time
from datetime import timedelta
from typing import Any

import pyotp
from werkzeug.test import TestResponse

from campaigns.accounts.factor import apps, recovery, rules
from campaigns.accounts.models import Operator, OperatorSession, Role
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from tests.factories import PASSWORD, make_cast_member

LATE = timedelta(minutes=11)


def make_app(who: Operator) -> str:
    """An authenticator app of the operator; its secret."""
    app = apps.begin(who, now=clock.now())
    app.confirmed_at = clock.now()
    secret = apps.secret(app)
    db.session.commit()
    return secret


def make_recovery_codes(who: Operator) -> list[str]:
    codes = recovery.create(who, now=clock.now())
    db.session.commit()
    return codes


def code(secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return str(pyotp.TOTP(secret).at(time.time(), counter_offset=steps))


def wrong_code(secret: str) -> str:
    """Six digits that are none of the codes of these minutes."""
    right = {code(secret, steps=steps) for steps in range(-4, 5)}
    return next(each for each in map("{:06}".format, range(20)) if each not in right)


def need_factor(*roles: Role) -> None:
    rules.need_one(roles, now=clock.now())
    db.session.commit()


def give_password(
    browser: Any, name: str = "ada", password: str = PASSWORD, path: str = "/sign-in"
) -> TestResponse:
    return browser.post(path, data={"email": f"{name}@example.com", "password": password})


def give_code(browser: Any, typed: str, **more: str) -> TestResponse:
    return browser.post("/sign-in/second-step", data={"code": typed, **more})


def is_in(browser: Any) -> bool:
    """Whether the browser is signed in and may look at pages."""
    return browser.get("/find").status_code == 200  # one of the pages that take least


def let_time_pass() -> None:
    """The password was given long ago in every session."""
    for each in db.session.query(OperatorSession):
        each.confirmed_at -= LATE
    db.session.commit()


def options_on(page: TestResponse) -> dict[str, Any]:
    """What the page asks of a passkey."""
    found = re.search(r'data-options="([^"]+)"', page.get_data(as_text=True))
    assert found, "no passkey is asked for"
    return json.loads(html.unescape(found[1]))


def noted() -> list[str]:
    """The audit log's actions, oldest first."""
    return [each.action for each in entries()]


def entries() -> list[AuditEntry]:
    db.session.rollback()
    return db.session.query(AuditEntry).order_by(AuditEntry.id).all()


def fresh(name: str) -> Operator:
    """The operator as the database has it now."""
    db.session.rollback()
    db.session.expire_all()
    return make_cast_member(name)
