"""Joining, leaving, coming back, erasing; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience import queries, services, values
from campaigns.audience.deliverability import deliverability
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.models import FieldKind, OptIn, Origin, Status, SuppressionReason
from campaigns.core.csvfile import guarded
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from tests.factories import HOUR, NOON, make_list, make_subscriber

DAY = timedelta(days=1)


def acts(subscriber_id: int) -> list[str]:
    return [each.act for each in queries.consents(subscriber_id)][::-1]


def test_leaving_is_done_once_and_leaves_one_proof(each_database: Flask) -> None:
    one, two = make_list(), make_list()
    ann = make_subscriber(lists=[one, two])
    leave = {"origin": Origin.ONE_CLICK, "now": NOON, "ip": "192.0.2.1", "user_agent": "x" * 999}
    assert services.unsubscribe(ann.id, list_ids=[one.id], **leave) == 1
    assert services.unsubscribe(ann.id, list_ids=[one.id], **leave) == 0
    held = queries.subscription(ann.id, one.id)
    db.session.refresh(held)
    assert (held.status, held.origin, held.unsubscribed_at) == (Status.UNSUBSCRIBED, Origin.ONE_CLICK, NOON)
    assert queries.subscription(ann.id, two.id).status is Status.SUBSCRIBED
    assert acts(ann.id) == ["unsubscribed"]
    assert queries.consents(ann.id)[0].user_agent == "x" * 300


def test_leaving_everything_keeps_later_imports_from_writing(each_database: Flask) -> None:
    ann = make_subscriber(lists=[make_list(), make_list()])
    assert services.unsubscribe(ann.id, list_ids=None, origin=Origin.PAGE, now=NOON) == 2
    assert services.unsubscribe(ann.id, list_ids=None, origin=Origin.PAGE, now=NOON) == 0
    assert queries.suppression_of(ann).reason is SuppressionReason.UNSUBSCRIBED
    assert services.unsubscribe(4711, list_ids=None, origin=Origin.PAGE, now=NOON) == 0


def test_coming_back_undoes_what_was_just_left(each_database: Flask) -> None:
    old, new = make_list(), make_list()
    ann = make_subscriber(lists=[old, new])
    services.unsubscribe(ann.id, list_ids=[old.id], origin=Origin.PAGE, now=NOON - 30 * DAY)
    services.unsubscribe(ann.id, list_ids=None, origin=Origin.PAGE, now=NOON)
    assert services.resubscribe(ann.id, list_ids=None, origin=Origin.PAGE, now=NOON + HOUR) == 1
    assert queries.subscription(ann.id, new.id).status is Status.SUBSCRIBED
    assert queries.subscription(ann.id, new.id).unsubscribed_at is None
    assert queries.subscription(ann.id, old.id).status is Status.UNSUBSCRIBED
    assert queries.suppression_of(ann) is None
    assert acts(ann.id) == ["unsubscribed", "unsubscribed", "resubscribed"]
    assert services.resubscribe(4711, list_ids=None, origin=Origin.PAGE, now=NOON) == 0


def test_a_suppression_stays_as_it_first_was(each_database: Flask) -> None:
    first = services.suppress("Ann@Example.org", reason=SuppressionReason.COMPLAINT, note="x" * 999, now=NOON)
    again = services.suppress("ann@example.ORG", reason=SuppressionReason.OPERATOR, note="", now=NOON + DAY)
    assert (again.id, again.reason, len(again.note)) == (first.id, SuppressionReason.COMPLAINT, 500)
    assert not services.unsuppress(first.address_key, reasons=[SuppressionReason.UNSUBSCRIBED])
    assert services.unsuppress(first.address_key)
    assert not services.unsuppress(first.address_key)
    with pytest.raises(Invalid):
        services.suppress("nonsense", reason=SuppressionReason.OPERATOR, note="", now=NOON)


def test_erasing_forgets_the_person_and_keeps_the_suppression_by_its_key(each_database: Flask) -> None:
    ann = make_subscriber("ann@example.org", lists=[make_list()])
    services.suppress("ann@example.org", reason=SuppressionReason.COMPLAINT, note="", now=NOON)
    services.delete_person(ann, now=NOON)
    kept = queries.suppression_by_address("ann@example.org")
    assert (kept.email, kept.reason) == (None, SuppressionReason.COMPLAINT)
    assert queries.person_by_address("ann@example.org") is None
    assert sum(size.total for size in queries.list_sizes().values()) == 0


@pytest.mark.parametrize("status", list(Status))
def test_a_person_is_added_with_the_status_that_was_asked_for(app: Flask, status: Status) -> None:
    into = make_list(opt_in=OptIn.DOUBLE)
    with app.test_request_context():
        ann = services.add_person(
            "ann@example.org", fields={"a": ""}, lists=[into], status=status, origin=Origin.COMMAND, now=NOON
        )
    db.session.commit()
    assert (queries.subscription(ann.id, into.id).status, ann.fields) == (status, {})


def test_would_this_person_get_mail(app: Flask) -> None:
    readers = make_list("Readers")
    with app.test_request_context():
        ann = make_subscriber(lists=[readers])
        assert (
            str(deliverability(queries.subscriptions(ann.id), None).sentence) == "Yes, campaigns to Readers."
        )
        services.unsubscribe(ann.id, list_ids=None, origin=Origin.PAGE, now=NOON)
        found = deliverability(queries.subscriptions(ann.id), queries.suppression_of(ann))
    assert not found.gets_mail


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("First name", "first_name"),
        ("Vorname", "vorname"),
        ("Größe (cm)", "große_cm"),
        ("  Société ", "societe"),
        ("城市", "city"),
        ("宠物", "field"),
        ("2nd phone", "field_2nd_phone"),
        ("Email", "field_email"),
        ("for", "field_for"),
        ("", "field"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_key_comes_from_the_label(label: str, key: str) -> None:
    expected = {"vorname": "first_name", "große_cm": "grosse_cm"}.get(key, key)
    assert values.key_for(label) == expected


@given(st.text(max_size=80), st.lists(st.text(max_size=5)))
def test_a_key_is_always_a_merge_tag_of_its_own(label: str, others: list[str]) -> None:
    taken = {values.key_for(each) for each in others}
    key = values.key_for(label, taken=taken)
    assert key not in taken
    assert key.isidentifier() and key.isascii() and key == key.lower() and len(key) <= values.LONGEST_KEY
    assert key not in values.RESERVED


@given(st.text(), st.sampled_from(list(FieldKind)))
def test_any_value_is_kept_or_refused(text: str, kind: FieldKind) -> None:
    try:
        kept = values.parse(text, kind=kind, key="x")
    except Invalid as refusal:
        assert refusal.details["code"] in set(RowReason)
    else:
        assert kept is None or kept == text.strip() or kind is not FieldKind.TEXT


@given(st.text())
def test_no_cell_of_an_export_is_a_formula(text: str) -> None:
    cell = guarded(text)
    assert cell[:1] not in ("=", "@", "\t", "\r", "\0")
    assert cell.lstrip("'") == text.lstrip("'")
    if cell[:1] in ("+", "-"):
        float(cell.replace(",", "."))
