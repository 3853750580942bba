"""Two people who are one human: merged in one transaction, nobody subscribed again, nothing lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.audience import queries, suppressing
from campaigns.audience import services as people_services
from campaigns.audience.bulk.models import BulkAct, BulkChange, Outcome, Stage
from campaigns.audience.bulk.models import Kind as BulkKind
from campaigns.audience.imports.models import ImportChange
from campaigns.audience.models import (
    Confirmation,
    Consent,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.person import notes
from campaigns.audience.person.models import Act, PersonChange
from campaigns.audience.tags import queries as tag_queries
from campaigns.audience.tags import services as tag_services
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.delivery.ledger import resend
from campaigns.delivery.merging import outlook, services
from campaigns.delivery.merging.outlook import OF_ADDRESS
from campaigns.delivery.models import Delivery, MergedDelivery, State
from campaigns.inbound.effects import apply
from campaigns.inbound.models import Effect, Finding, InboundMessage
from campaigns.inbound.models import Origin as InboundOrigin
from campaigns.inbound.models import Stage as InboundStage
from campaigns.inbound.verdicts.verdict import Kind as VerdictKind
from campaigns.planning.models import Status as CampaignStatus
from campaigns.tracking import queries as tracking_queries
from campaigns.tracking import services as tracking_services
from campaigns.tracking.models import Actor, Event, Kind
from tests.audience.imports.files import make_import
from tests.factories import NOON, make_campaign, make_delivery, make_field, make_list, make_subscriber

LATER = NOON + timedelta(days=1)


def make_event(delivery: Delivery, *, kind: Kind = Kind.OPEN) -> Event:
    event = Event(
        kind=kind, at=NOON, campaign_id=delivery.campaign_id, delivery_id=delivery.id, verdict=Actor.HUMAN
    )
    db.session.add(event)
    db.session.commit()
    return event


def make_finding(delivery: Delivery) -> Finding:
    message = InboundMessage(
        origin=InboundOrigin.MAILBOX, digest=f"{delivery.id:064}", size_bytes=1, received_at=NOON,
        stage=InboundStage.HANDLED,
    )  # fmt: skip
    found = Finding(
        message=message,
        delivery_id=delivery.id,
        campaign_id=delivery.campaign_id,
        subscriber_id=delivery.subscriber_id,
        effect=Effect.BOUNCED,
    )
    db.session.add(found)
    db.session.commit()
    return found


def hold(person: Subscriber, list_, status: Status, origin: Origin = Origin.FORM) -> None:
    moment = NOON if status is Status.UNSUBSCRIBED else None
    same = {"created_at": NOON, "changed_at": NOON, "unsubscribed_at": moment}
    row = Subscription(list_id=list_.id, subscriber_id=person.id, status=status, origin=origin, **same)
    db.session.add(row)
    db.session.commit()


def rows_about(subscriber_id: int) -> dict[str, int]:
    """How many rows of each table name a person."""
    found = {}
    for name in services.tables():
        column = sa.column("subscriber_id")
        counting = (
            sa.select(sa.func.count()).select_from(sa.table(name, column)).where(column == subscriber_id)
        )
        if number := db.session.scalar(counting):
            found[name] = number
    return found


def merged(kept: Subscriber, other: Subscriber, **how) -> tuple[int, int]:
    ids = kept.id, other.id
    services.merge(*ids, now=LATER, **how)
    db.session.commit()
    db.session.expire_all()
    return ids


def test_everything_of_the_other_is_the_kept_ones_afterwards(each_database: Flask) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    loft, first, second = make_list("Loft"), make_campaign(), make_campaign()
    hold(old, loft, Status.SUBSCRIBED)
    both = make_delivery(first, ana), make_delivery(first, old)
    alone = make_delivery(second, old)
    for each in (*both, alone):
        make_event(each)
    make_finding(both[1])
    make_finding(alone)
    db.session.add(Consent(subscriber_id=old.id, list_id=loft.id, at=NOON, act="added", origin=Origin.FORM))
    db.session.add(
        Confirmation(
            secret_hash="0" * 64, list_id=loft.id, subscriber_id=old.id, created_at=NOON, expires_at=LATER
        )
    )
    notes.add(old, "Met at the fair", author="Ada", operator_id=None, now=NOON)
    tag_services.set_of_person(ana.id, ["VIP"], now=NOON)
    tag_services.set_of_person(old.id, ["VIP", "Press"], now=NOON)
    db.session.commit()
    shown = outlook.outlook(ana, old)
    assert shown.moved == {"emails": 2, "events": 2, "consents": 1, "notes": 1, "lists": 1}
    assert shown.total == 5
    kept_id, other_id = merged(ana, old)
    assert rows_about(other_id) == {}
    assert db.session.get(Subscriber, other_id) is None
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 3
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 3
    assert db.session.get_one(Delivery, alone.id).subscriber_id == kept_id
    assert db.session.get_one(MergedDelivery, both[1].id).subscriber_id == kept_id
    assert rows_about(kept_id) == {
        "confirmation": 1, "consent": 1, "delivery": 2, "finding": 2, "merged_delivery": 1,
        "person_change": 3, "person_note": 1, "person_tag": 2, "subscription": 1,
    }  # fmt: skip
    assert [each.name for each in tag_queries.of_people([kept_id])[kept_id]] == ["Press", "VIP"]
    record = db.session.query(PersonChange).filter_by(act=Act.MERGED).one()
    assert (record.details["email"], record.details["person"]) == ("ana@old.example", other_id)
    entry = db.session.query(AuditEntry).filter_by(action="person.merged").one()
    assert "ana@old.example" not in str((entry.subject, entry.details))


@pytest.mark.parametrize(
    ("mine", "theirs", "becomes"),
    [
        (Status.SUBSCRIBED, Status.UNSUBSCRIBED, "unsubscribed"),
        (Status.UNSUBSCRIBED, Status.SUBSCRIBED, "unsubscribed"),
        (Status.UNCONFIRMED, Status.UNSUBSCRIBED, "unsubscribed"),
        (Status.UNCONFIRMED, Status.SUBSCRIBED, "subscribed"),
        (Status.SUBSCRIBED, Status.UNCONFIRMED, "subscribed"),
        (None, Status.UNSUBSCRIBED, "unsubscribed"),
        (Status.UNCONFIRMED, None, "unconfirmed"),
    ],
)
def test_who_left_a_list_at_either_address_stays_away(
    each_database: Flask, mine: Status | None, theirs: Status | None, becomes: str
) -> None:
    ana, old, loft = make_subscriber(), make_subscriber(), make_list()
    for person, status in ((ana, mine), (old, theirs)):
        if status:
            hold(person, loft, status)
    assert [each.becomes.value for each in outlook.lists(ana, old)] == [becomes]
    kept_id, _other = merged(ana, old)
    assert [each.status.value for each in queries.subscriptions(kept_id)] == [becomes]


def test_of_two_ends_the_one_that_the_person_asked_for_stays(each_database: Flask) -> None:
    ana, old, loft = make_subscriber(), make_subscriber(), make_list()
    hold(ana, loft, Status.UNSUBSCRIBED, Origin.OPERATOR)
    hold(old, loft, Status.UNSUBSCRIBED, Origin.ONE_CLICK)
    kept_id, _other = merged(ana, old)
    assert queries.subscription(kept_id, loft.id).origin is Origin.ONE_CLICK


@pytest.mark.parametrize("reason", sorted(OF_ADDRESS))
def test_what_the_other_address_did_says_nothing_of_the_one_that_stays(
    each_database: Flask, reason: SuppressionReason
) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    suppressing.suppress(old.email, reason=reason, now=NOON)
    db.session.commit()
    kept_id, _other = merged(ana, old)
    assert queries.suppression_of(queries.person(kept_id)) is None
    assert queries.suppression_by_address("ana@old.example") is not None


@pytest.mark.parametrize("reason", sorted(set(SuppressionReason) - OF_ADDRESS))
def test_a_suppression_of_either_person_holds(each_database: Flask, reason: SuppressionReason) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    suppressing.suppress(old.email, reason=reason, now=NOON)
    db.session.commit()
    kept_id, _other = merged(ana, old)
    stands = queries.suppression_of(queries.person(kept_id))
    assert stands is not None
    assert (stands.reason, stands.email) == (reason, "ana@new.example")
    assert queries.suppression_by_address("ana@old.example") is not None


def test_a_persons_word_outweighs_a_bounce(each_database: Flask) -> None:
    ana, old = make_subscriber(), make_subscriber()
    suppressing.suppress(ana.email, reason=SuppressionReason.HARD_BOUNCE, now=NOON).campaign_id = 7
    suppressing.suppress(old.email, reason=SuppressionReason.COMPLAINT, now=NOON)
    db.session.commit()
    kept_id, _other = merged(ana, old)
    stands = queries.suppression_of(queries.person(kept_id))
    assert stands is not None
    assert (stands.reason, stands.campaign_id) == (SuppressionReason.COMPLAINT, None)


def test_fields_are_picked_one_by_one(each_database: Flask) -> None:
    for key in ("city", "company", "phone"):
        make_field(key)
    ana = make_subscriber(fields={"city": "Graz", "company": "Loft"}, language="en")
    old = make_subscriber(fields={"city": "Linz", "company": "Barn", "phone": "1"}, language="zh")
    assert [each.key for each in outlook.choices(ana, old) if each.is_open] == [
        "city", "company", "own:language",
    ]  # fmt: skip
    kept_id, _other = merged(ana, old, takes={"company", "own:language"})
    kept = queries.person(kept_id)
    assert (kept.fields, kept.language) == ({"city": "Graz", "company": "Barn", "phone": "1"}, "zh")


@pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.DEFERRED])
@pytest.mark.parametrize("is_other", [False, True])
def test_nobody_is_merged_while_an_email_is_on_its_way(
    each_database: Flask, state: State, is_other: bool
) -> None:
    ana, old = make_subscriber(), make_subscriber()
    make_delivery(make_campaign(), old if is_other else ana, state=state, done_at=None)
    with pytest.raises(Conflict, match="being sent"):
        services.merge(ana.id, old.id, now=LATER)


def test_nobody_is_merged_while_a_change_has_yet_to_come_to_them(each_database: Flask) -> None:
    ana, old = make_subscriber(), make_subscriber()
    make_bulk_change(old, outcome=Outcome.WAITING)
    with pytest.raises(Conflict, match="isn't finished"):
        services.merge(ana.id, old.id, now=LATER)


def make_bulk_change(person: Subscriber, *, outcome: Outcome = Outcome.CHANGED) -> None:
    act = BulkAct(kind=BulkKind.TAG, stage=Stage.FINISHED, about="VIP", details={"tags": []}, created_at=NOON)
    db.session.add(act)
    db.session.flush()
    db.session.add(BulkChange(act_id=act.id, subscriber_id=person.id, outcome=outcome, before={}))
    db.session.commit()


def test_what_could_be_undone_for_the_other_is_only_a_record(each_database: Flask) -> None:
    """Undoing the import that created the other must not delete whom they were merged into."""
    ana, old = make_subscriber(), make_subscriber()
    made = make_import("email\nann@example.org\n", make_list(), file_name="fair.csv")
    db.session.add(ImportChange(import_id=made.id, subscriber_id=old.id, before=None))
    make_bulk_change(old)
    kept_id, other_id = merged(ana, old)
    assert rows_about(other_id) == {}
    assert "import_change" not in rows_about(kept_id)
    assert "bulk_change" not in rows_about(kept_id)
    acts = {each.act: each.details for each in db.session.query(PersonChange)}
    assert acts[Act.WAS_IMPORTED]["file"] == "fair.csv"
    assert acts[Act.WAS_CHANGED] == {"kind": "tag", "about": "VIP"}


def test_of_two_merges_the_second_finds_nobody(each_database: Flask) -> None:
    ana, old = make_subscriber(), make_subscriber()
    kept_id, other_id = merged(ana, old)
    with pytest.raises(NotFound):
        services.merge(kept_id, other_id, now=LATER)
    with pytest.raises(Invalid):
        services.merge(kept_id, kept_id, now=LATER)


def test_a_merge_is_refused_if_more_would_move_than_was_shown(each_database: Flask) -> None:
    ana, old = make_subscriber(), make_subscriber()
    shown = outlook.outlook(ana, old).total
    make_delivery(make_campaign(), old)
    with pytest.raises(Conflict, match="Review it again"):
        services.merge(ana.id, old.id, now=LATER, expected=shown)
    assert db.session.get(Subscriber, old.id) is not None


def test_a_link_in_an_email_to_the_other_address_still_unsubscribes(each_database: Flask) -> None:
    ana, old, loft = make_subscriber(), make_subscriber(), make_list()
    hold(ana, loft, Status.SUBSCRIBED)
    campaign = make_campaign(lists=[loft])
    make_delivery(campaign, ana)
    to_old = make_delivery(campaign, old)
    kept_id, _other = merged(ana, old)
    letter = tracking_queries.letter(to_old.id)
    assert letter is not None
    assert letter.subscriber is not None
    assert letter.subscriber.id == kept_id
    changed = tracking_services.record_unsubscribe(
        to_old.id, tracking_services.Visitor(), at=LATER, origin=Origin.ONE_CLICK
    )
    db.session.commit()
    assert changed == 1
    assert queries.subscription(kept_id, loft.id).status is Status.UNSUBSCRIBED


@pytest.mark.parametrize("got_both", [False, True])
def test_a_complaint_about_an_email_to_the_other_address_counts_for_the_kept(
    each_database: Flask, got_both: bool
) -> None:
    ana, old, loft = make_subscriber(), make_subscriber(), make_list()
    hold(ana, loft, Status.SUBSCRIBED)
    campaign = make_campaign(lists=[loft])
    if got_both:
        make_delivery(campaign, ana)
    to_old = make_delivery(campaign, old)
    kept_id, _other = merged(ana, old)
    apply.apply(to_old.id, VerdictKind.COMPLAINT, None, now=LATER)
    db.session.commit()
    stands = queries.suppression_of(queries.person(kept_id))
    assert stands is not None
    assert stands.reason is SuppressionReason.COMPLAINT
    assert queries.subscription(kept_id, loft.id).status is Status.UNSUBSCRIBED


def test_no_address_is_left_of_who_is_deleted_after_a_merge(each_database: Flask) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    suppressing.suppress(old.email, reason=SuppressionReason.COMPLAINT, now=NOON)
    db.session.commit()
    kept_id, _other = merged(ana, old)
    people_services.delete_person(queries.person(kept_id), now=LATER)
    db.session.commit()
    left = [(each.email, each.note) for each in db.session.query(Suppression)]
    assert len(left) == 2
    assert "ana@" not in str(left)


def test_who_is_erased_for_good_is_kept_out_at_either_address(each_database: Flask) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    kept_id, _other = merged(ana, old)
    people_services.delete_person(queries.person(kept_id), now=LATER, keep_suppressed=True)
    db.session.commit()
    for address in ("ana@new.example", "ana@old.example"):
        stands = queries.suppression_by_address(address)
        assert stands is not None
        assert (stands.reason, stands.email) == (SuppressionReason.ERASED, None)


def test_a_campaign_that_failed_at_both_addresses_is_sent_again_once(each_database: Flask) -> None:
    ana, old, loft = make_subscriber(), make_subscriber(), make_list()
    hold(ana, loft, Status.SUBSCRIBED)
    campaign = make_campaign(lists=[loft], status=CampaignStatus.FINISHED, wave=2)
    make_delivery(campaign, ana, state=State.FAILED)
    make_delivery(campaign, old, state=State.FAILED, wave=2)
    merged(ana, old)
    assert resend.retry(campaign.id, now=LATER) == 1


# Each example has people of its own, so that one database will do for all.
each_on_one_database = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
STATUSES = st.sampled_from([None, *Status])


@each_on_one_database
@given(
    held=st.lists(st.tuples(STATUSES, STATUSES), max_size=4),
    got=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 2)), max_size=4),
    suppressed=st.tuples(st.booleans(), st.booleans()),
)
def test_whatever_two_people_were_nothing_is_lost_and_nobody_comes_back(
    app: Flask, held: list, got: list, suppressed: tuple[bool, bool]
) -> None:
    hold_on_any_database(held, got, suppressed)


@each_on_one_database
@given(
    held=st.lists(st.tuples(STATUSES, STATUSES), max_size=3),
    got=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 2)), max_size=3),
    suppressed=st.tuples(st.booleans(), st.booleans()),
)
def test_so_it_is_on_postgresql(
    postgres_app: Flask, held: list, got: list, suppressed: tuple[bool, bool]
) -> None:
    hold_on_any_database(held, got, suppressed)


def hold_on_any_database(held: list, got: list, suppressed: tuple[bool, bool]) -> None:
    ana, old = make_subscriber(), make_subscriber()
    left = set()
    for statuses in held:
        on = make_list()
        for person, status in zip((ana, old), statuses, strict=True):
            if status:
                hold(person, on, status)
        if Status.UNSUBSCRIBED in statuses:
            left.add(on.id)
    for mine, theirs, events in got:
        campaign = make_campaign()
        for person in [ana] * mine + [old] * theirs:
            delivery = make_delivery(campaign, person)
            for _each in range(events):
                make_event(delivery)
    for person, is_so in zip((ana, old), suppressed, strict=True):
        if is_so:
            suppressing.suppress(person.email, reason=SuppressionReason.OPERATOR, now=NOON)
    db.session.commit()
    events = db.session.scalar(sa.select(sa.func.count()).select_from(Event))
    emails = theirs_of(ana.id) + theirs_of(old.id)
    kept_id, other_id = merged(ana, old)
    assert rows_about(other_id) == {}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == events
    assert theirs_of(kept_id) == emails
    on = {each.list_id: each.status for each in queries.subscriptions(kept_id)}
    assert {each for each, status in on.items() if status is Status.UNSUBSCRIBED} == left
    assert (queries.suppression_of(queries.person(kept_id)) is not None) == any(suppressed)


def theirs_of(subscriber_id: int) -> int:
    about = rows_about(subscriber_id)
    return about.get("delivery", 0) + about.get("merged_delivery", 0)
