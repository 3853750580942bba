"""A crowd for measuring: people, their subscriptions and what they did with a mail, written by the database itself."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from campaigns.delivery.models import State
from campaigns.tracking.models import Actor, Kind

LARGE_DOMAINS = 8  # hold 60 of 100 people
SMALL_DOMAINS = 5000
OPENED_OF_100, CLICKED_OF_100 = 30, 4
_AT_ONCE = 100_000


def make(
    list_id: int,
    people: int,
    *,
    after: int = 0,
    at_one_of_10: tuple[int, str] = (0, ""),
    of_each: int | None = None,
    fields: str | None = None,
) -> None:
    """That many subscribers of a list, a fifth of them without a first name; `after` so many others.

    `at_one_of_10`: so many of ten people live at that one domain. `of_each`: so many of them are on this list, the
    next as many on the list with the next number, and so on. `fields`: what stands in their fields, as an expression.
    """
    numbers = _numbers()
    key = "lower(hex(randomblob(16)))" if is_sqlite() else "md5(CAST(n AS text))"
    domain = (
        f"CASE WHEN n % 10 < {at_one_of_10[0]} THEN '{at_one_of_10[1]}'"
        f" WHEN n % 10 < 6 THEN 'large' || (n % {LARGE_DOMAINS}) || '.example'"
        f" ELSE 'small' || (n % {SMALL_DOMAINS}) || '.example' END"
    )
    usual = """CASE WHEN n % 5 = 0 THEN '{}' ELSE '{"first_name": "Zoë ' || n || '"}' END"""
    json = fields or (usual if is_sqlite() else f"CAST({usual} AS jsonb)")
    for first in range(after + 1, after + people + 1, _AT_ONCE):
        last = min(after + people, first + _AT_ONCE - 1)
        values = {"now": _now(), "list": list_id, "first": first, "last": last}
        values |= {"begin": after + 1, "each": of_each or people}
        _do(
            "INSERT INTO subscriber (id, email, address, address_key, fields, created_at, updated_at)"
            f" SELECT n, 'reader' || n || '@' || {domain}, 'reader' || n || '@' || {domain}, {key}, {json},"
            f" :now, :now FROM {numbers}",
            values,
        )
        _do(
            "INSERT INTO subscription (list_id, subscriber_id, status, origin, created_at, changed_at)"
            f" SELECT :list + (n - :begin) / :each, n, 'subscribed', 'import', :now, :now FROM {numbers}",
            values,
        )
    db.session.commit()
    analyze()


def deliver(campaign_id: int) -> None:
    """Let everybody who still waits have got the mail: a million real mails would measure the wire."""
    values = {"campaign": campaign_id, "now": _now(), "sent": int(State.SENT), "sending": int(State.SENDING)}
    _do(
        "UPDATE delivery SET state = :sent, done_at = :now, code = 250, enhanced = '2.0.0', attempts = 1"
        " WHERE campaign_id = :campaign AND state <= 2",
        values,
    )
    db.session.commit()


def read(campaign_id: int) -> None:
    """Let some of them open and click, within two days, each at a moment of their own."""
    later = (
        "strftime('%Y-%m-%d %H:%M:%f', :now, '+' || (id * 7919 % 172800) || ' seconds') || '000'"
        if is_sqlite()
        else "CAST(:now AS timestamptz) + make_interval(secs => CAST(id * 7919 % 172800 AS double precision))"
    )
    for kind, share, column in (
        (Kind.OPEN, OPENED_OF_100, "opened_at"),
        (Kind.CLICK, CLICKED_OF_100, "clicked_at"),
    ):
        values = {"campaign": campaign_id, "now": _now(), "kind": int(kind), "human": int(Actor.HUMAN)}
        chosen = f"campaign_id = :campaign AND state = {int(State.SENT)} AND id * 31 % 100 < {share}"
        _do(f"UPDATE delivery SET {column} = {later} WHERE {chosen}", values)
        _do(
            "INSERT INTO event (kind, at, campaign_id, delivery_id, link_number, verdict, signals, network, agent)"
            f" SELECT :kind, {column}, campaign_id, id, 1 + id % 10, :human, '', '', '' FROM delivery"
            f" WHERE campaign_id = :campaign AND {column} IS NOT NULL",
            values,
        )
    db.session.commit()
    analyze()


def _numbers() -> str:
    if is_sqlite():
        # A recursive table needs its own WITH, which SQLite takes in a sub-select too.
        return (
            "(WITH RECURSIVE each(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM each WHERE n < :last)"
            " SELECT n FROM each) AS numbers"
        )
    return "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS numbers(n)"


def _do(statement: str, values: dict[str, object]) -> None:
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    db.session.execute(sa.text(statement), used)


def _now() -> object:
    return clock.now().strftime("%Y-%m-%d %H:%M:%S.%f") if is_sqlite() else clock.now()


def analyze() -> None:
    """What autovacuum does by itself a minute later."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if is_sqlite() else "VACUUM (ANALYZE)")
