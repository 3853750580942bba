"""Who read, changed or deleted what of people is on the audit log, and who was refused."""

from __future__ import annotations

import io
import sqlite3
from datetime import timedelta

import pytest
import time_machine

from campaigns.accounts.models import Operator
from campaigns.audience.imports import runner, setup
from campaigns.audience.models import OptIn
from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audit import queries, services
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.acting import Actor
from campaigns.core.db import db
from tests.factories import (
    PASSWORD,
    make_campaign,
    make_delivery,
    make_list,
    make_operator,
    make_subscriber,
)


def noted() -> list[tuple[str, str, dict[str, object]]]:
    db.session.expire_all()
    rows = db.session.query(AuditEntry).order_by(AuditEntry.id)
    assert all(row.operator_id and row.ip == "127.0.0.1" for row in rows)
    return [(row.action, row.subject, row.details) for row in rows]


def test_exports_are_on_record_before_anything_leaves(ben) -> None:
    list_ = make_list("Friends")
    make_subscriber("ann@example.org", lists=[list_])
    campaign = make_campaign(name="News", lists=[list_])
    for path in (
        "/people.csv",
        f"/lists/{list_.id}/people.csv",
        f"/campaigns/{campaign.id}/recipients.csv",
    ):
        assert ben.get(path).status_code == 200, path
    assert noted() == [
        ("people.exported", "", {"people": 1, "status": "all"}),
        ("list.exported", "Friends", {"people": 1, "status": "all"}),
        ("campaign.exported", "News", {"people": 0}),
    ]


def test_deletions_and_unsubscriptions_are_on_record(ben) -> None:
    list_ = make_list("Friends")
    ann, bob, eve = (make_subscriber(f"{each}@example.org", lists=[list_]) for each in ("ann", "bob", "eve"))
    ben.post("/people/subscriptions", data={"list": make_list("Others").id, "id": [ann.id, bob.id]})
    ben.post("/people/unsubscriptions", data={"list": list_.id, "id": [ann.id, bob.id]})
    ben.post("/people/changes/1/undo")
    ben.post("/people/deletions", data={"id": [ann.id, bob.id]})
    ben.post(f"/people/{eve.id}/deletion")
    ben.post(f"/lists/{list_.id}/deletion")
    found = noted()
    assert [action for action, _subject, _details in found] == [
        *("people.subscribed", "people.unsubscribed", "people.change_undone"),
        *("people.deleted", "person.deleted", "list.deleted"),
    ]
    assert [details.get("people") for _action, _subject, details in found][:4] == [2, 2, 2, 2]
    assert "eve@example.org" not in str(found)


def test_campaigns_fields_people_and_public_lists_are_on_record(ben) -> None:
    ben.post("/fields/new", data={"label": "City", "kind": "text"})
    ben.post("/fields/1/edit", data={"label": "Town"})
    ben.post("/fields/1/deletion")
    ben.post("/people/new", data={"email": "ann@example.org"})
    ben.post("/people/1/edit", data={"email": "anna@example.org"})
    public = {"name": "Friends", "opt_in": "single", "language": "en", "sender_id": "0", "is_public": "y"}
    ben.post("/lists/new", data=public)
    ben.post("/people/1/subscriptions", data={"list_id": "1"})
    ben.post("/campaigns/new", data={"name": "Autumn", "start": "blank-html"})
    ben.post("/campaigns/1/copies")
    ben.post("/campaigns/2/delete")
    assert noted() == [
        ("field.created", "City", {}),
        ("field.updated", "Town", {}),
        ("field.deleted", "Town", {}),
        ("person.created", "a…@example.org", {"lists": 0}),
        ("person.updated", "a…@example.org", {}),
        ("list.created", "Friends", {"is_public": True}),
        ("people.subscribed", "Friends", {"people": 1}),
        ("sender.created", "ben@example.com", {}),
        ("campaign.created", "Autumn", {}),
        ("campaign.created", "Autumn (copy)", {"copy_of": "Autumn"}),
        ("campaign.deleted", "Autumn (copy)", {}),
    ]


def test_drafts_are_on_record_with_each_save_and_once_an_hour_while_they_save_themselves(ben) -> None:
    draft = make_campaign(name="News", subject="One", lists=[make_list()])

    def edited() -> list[dict[str, object]]:
        return [details for action, _subject, details in noted() if action == "campaign.edited"]

    def send(path: str, subject: str) -> None:
        db.session.expire_all()
        data = {"name": "News", "subject": subject, "version": draft.version}
        assert ben.post(f"/campaigns/{draft.id}/{path}", data=data).status_code in (200, 303)

    for subject in ("Two", "Three", "Four"):
        send("autosave", subject)
    assert edited() == [{}]
    send("edit", "Four")
    assert edited() == [{}], "the button found everything saved"
    send("edit", "Five")
    send("edit", "Six")
    assert edited() == [{}, {"fields": "subject"}, {"fields": "subject"}]
    later = clock.now() + timedelta(hours=1, minutes=1)
    with time_machine.travel(later, tick=False):
        send("autosave", "Seven")
    assert len(edited()) == 4


def test_another_confirmation_email_is_on_record_when_it_is_sent(ben) -> None:
    list_ = make_list("Friends", opt_in=OptIn.DOUBLE)
    ann = make_subscriber("ann@example.org", lists=[list_], status=SubscriptionStatus.UNCONFIRMED)
    for _time in range(2):
        ben.post(f"/people/{ann.id}/subscriptions/{list_.id}/confirmation")
    assert noted() == [("person.confirmation_resent", "a…@example.org", {"list": "Friends"})]


def test_suppressions_made_and_lifted_are_on_record(ben) -> None:
    ben.post("/suppressions/new", data={"addresses": "ann@example.org", "note": ""})
    ben.post("/suppressions/1/deletion")
    assert [action for action, _subject, _details in noted()] == ["suppression.created", "suppression.lifted"]


def test_signing_out_is_on_record(ben) -> None:
    ben.post("/sign-out")
    assert noted() == [("operator.signed_out", "ben@example.com", {})]


def test_what_somebody_changes_about_themselves_is_on_record(ben) -> None:
    values = {"name": "Benjamin", "language": "zh", "time_zone": "UTC", "wants_alerts": "y"}
    for _again in range(2):
        assert ben.post("/profile", data=values).status_code == 303
    assert noted() == [("operator.profile_changed", "ben@example.com", {"changed": "name, language"})]


def test_each_wrong_current_password_is_on_record(ben) -> None:
    values = {"current": "not this one at all", "password": "a wholly new pass phrase"}
    assert ben.post("/profile/password", data=values).status_code == 422
    ben.post("/profile/password", data={**values, "current": PASSWORD})
    assert [action for action, _subject, _details in noted()] == [
        *("operator.confirmation_failed", "operator.password_changed", "operator.confirmed")
    ]


def test_who_asks_for_a_new_password_is_on_record_from_where(client) -> None:
    make_operator("ada@example.com")
    for email in ("ada@example.com", "nobody@example.com"):
        client.post("/forgotten", data={"email": email})
    entry = db.session.query(AuditEntry).one()
    assert (entry.action, entry.subject) == ("operator.reset_requested", "ada@example.com")
    assert (entry.operator_id, entry.ip) == (None, "127.0.0.1")


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_refusal_is_on_record_once_a_minute(cleo, method: str) -> None:
    for _again in range(3):
        assert getattr(cleo, method)("/operators/invite").status_code == 403
    assert noted() == [("operator.refused", f"{method.upper()} accounts.invite", {})]


def test_a_refusal_of_two_minutes_ago_is_another_one(cleo) -> None:
    who = db.session.query(Operator).one()
    before = clock.now() - timedelta(minutes=2)
    by = Actor(who.email, who.id, "127.0.0.1")
    services.record("operator.refused", "GET accounts.invite", by=by, now=before)
    db.session.commit()
    cleo.get("/operators/invite")
    assert len(noted()) == 2


def test_what_commands_do_is_on_record_with_the_user_of_the_machine(app) -> None:
    list_ = make_list("Friends")
    db.session.commit()
    run = app.test_cli_runner().invoke
    assert run(args=["people", "export", "--list", "Friends"]).exit_code == 0
    assert run(args=["list", "delete", str(list_.id)]).exit_code == 0
    rows = db.session.query(AuditEntry).order_by(AuditEntry.id).all()
    assert [(row.action, row.subject) for row in rows] == [
        ("list.exported", "Friends"),
        ("list.deleted", "Friends"),
    ]
    assert all(row.actor.endswith(" (command line)") for row in rows)


def test_whom_somebody_reads_is_on_record_once_an_hour(ben) -> None:
    ann = make_subscriber("ann@example.org")
    campaign = make_campaign(name="News")
    delivery = make_delivery(campaign, ann)
    for _again in range(2):
        for path in (
            "/people?q=ann",
            f"/people/{ann.id}",
            f"/campaigns/{campaign.id}/recipients",
            f"/campaigns/{campaign.id}/recipients/{delivery.id}",
        ):
            assert ben.get(path).status_code == 200, path
    assert noted() == [
        ("people.viewed", "", {"people": 1, "searched": True}),
        ("person.viewed", f"a…@example.org (number {ann.id})", {}),
        ("campaign.recipients_viewed", "News", {}),
    ]


def test_a_page_is_shown_also_while_it_can_not_be_put_on_record(ben) -> None:
    ann_id = make_subscriber("ann@example.org").id
    ben.get("/people?q=nobody")  # last seen is written with it
    db.session.remove()
    holder = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert ben.get(f"/people/{ann_id}").status_code == 200
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_an_import_says_how_many_people_it_changed_and_who_began_it(app) -> None:
    into, who = make_list("Friends"), make_operator("ada@example.com")
    made = setup.create_import(
        io.BytesIO(b"email\nann@example.org\nbob@example.org\nrubbish\n"),
        file_name="people.csv",
        list_=into,
        now=clock.now(),
        operator_id=who.id,
    )
    db.session.commit()
    runner.run(made.id)
    entry = db.session.query(AuditEntry).filter_by(action="people.imported").one()
    assert (entry.actor, entry.operator_id, entry.subject) == ("ada@example.com", who.id, "people.csv")
    counts = {"rows": 3, "new": 2, "changed": 0, "unchanged": 0, "refused": 1, "left_out": 0}
    assert entry.details == {"list": "Friends", **counts}


def test_what_an_operator_did_stays_theirs_when_they_are_gone(ada) -> None:
    who = make_operator("eve@example.com")
    services.record("list.created", "Friends", by=Actor(who.email, who.id), now=clock.now())
    db.session.commit()
    ada.post(f"/operators/{who.id}/delete")
    assert "eve@example.com" in ada.get("/operators/audit").text
    assert queries.verify().broken is None
