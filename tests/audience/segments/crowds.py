"""People and things for rules to ask about: `make_crowd`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import (
    Consent,
    FieldKind,
    List,
    Origin,
    Status,
    Subscriber,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.segments import services
from campaigns.audience.segments.models import Segment
from campaigns.audience.tags import services as tag_services
from campaigns.core.db import db
from campaigns.delivery.models import State
from campaigns.planning.models import Campaign
from campaigns.planning.models import Status as CampaignStatus
from tests.factories import NOON, make_campaign, make_delivery, make_field, make_list, make_subscriber

DAY = timedelta(days=1)
PLANS = ("Free", "Pro", "Größe L")
KINDS = {
    "city": FieldKind.TEXT,
    "site": FieldKind.URL,
    "orders": FieldKind.NUMBER,
    "born": FieldKind.DATE,
    "member": FieldKind.YES_NO,
    "plan": FieldKind.CHOICE,
    "likes": FieldKind.CHOICES,
}


@dataclass
class Crowd:
    people: Sequence[Subscriber]
    lists: Sequence[List]
    campaigns: Sequence[Campaign]
    import_: Import


def make_fields() -> None:
    for key, kind in KINDS.items():
        make_field(key, kind=kind, options=list(PLANS) if kind.has_options else [])


def make_crowd() -> Crowd:
    """Twelve people who differ in everything that a rule can ask."""
    make_fields()
    lists = [make_list("News"), make_list("Shop")]
    campaigns = [make_campaign(name=name, status=CampaignStatus.FINISHED) for name in ("Spring", "Autumn")]
    people = [_person(number, lists) for number in range(12)]
    brought = _import(lists[0])
    tag_services.give(tag_services.find_or_create(["VIP", "New"], now=NOON), [people[0].id, people[3].id])
    tag_services.give(tag_services.find_or_create(["Étoile"], now=NOON), [people[3].id, people[4].id])
    for number, each in enumerate(people):
        _note(each, number, brought)
        if number % 3:
            _mail(campaigns[number % 2], each, number)
    db.session.commit()
    return Crowd(people, lists, campaigns, brought)


def _person(number: int, lists: Sequence[List]) -> Subscriber:
    domain = ("gmail.com", "example.org", "exämple.de")[number % 3]
    return make_subscriber(
        f"Person{number}@{domain}",
        lists=[lists[number % 2]] if number % 4 else list(lists),
        status=(Status.SUBSCRIBED, Status.UNSUBSCRIBED, Status.UNCONFIRMED)[number % 3],
        fields=FIELDS[number % len(FIELDS)],
        language=(None, "en", "zh")[number % 3],
        time_zone=(None, "Europe/Vienna")[number % 2],
        created_at=NOON - DAY * (number * 9) - timedelta(hours=number * 3),
        last_opened_at=None if number % 2 else NOON - DAY * number,
        last_clicked_at=None if number % 3 else NOON - DAY * (number * 5),
    )


FIELDS: Sequence[dict[str, Any]] = (
    {
        "city": "Wien",
        "orders": 3,
        "born": "1980-11-25",
        "member": True,
        "plan": "Free",
        "likes": ["Free", "Pro"],
    },
    {"city": "WIEN ", "orders": 12.5, "born": "2000-02-29", "member": False, "plan": "Größe L", "likes": []},
    {"city": "ÉCLAIR 100%_\\", "orders": -1, "born": "2026-11-23", "likes": ["Größe L"]},
    {"city": "", "orders": None, "born": "", "member": None, "plan": "", "likes": None},
    {},
    {
        "city": "éclair",
        "site": "https://Example.com/?a=%25",
        "orders": 0,
        "born": "1969-12-31",
        "member": True,
    },
    {"orders": "many", "city": "straße"},
)


def _import(into: List) -> Import:
    made = Import(
        list_id=into.id,
        file_name="people.csv",
        path="",
        size_bytes=1,
        status=ImportStatus.FINISHED,
        created_at=NOON,
    )
    db.session.add(made)
    db.session.flush()
    return made


def _note(person: Subscriber, number: int, brought: Import) -> None:
    origin = (Origin.IMPORT, Origin.FORM, Origin.OPERATOR)[number % 3]
    act = ("imported", "signed_up", "added")[number % 3]
    db.session.add(
        Consent(
            subscriber_id=person.id,
            at=NOON,
            act=act,
            origin=origin,
            import_id=brought.id if origin is Origin.IMPORT else None,
        )
    )
    if number % 5 == 1:
        reason = (SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT)[number % 2]
        db.session.add(
            Suppression(address_key=person.address_key, email=person.email, reason=reason, created_at=NOON)
        )


def _mail(campaign: Campaign, person: Subscriber, number: int) -> None:
    at = NOON - DAY * number
    make_delivery(
        campaign,
        subscriber=person,
        state=State.SENT if number % 4 else State.FAILED,
        done_at=at,
        opened_at=at if number % 3 == 1 else None,
        clicked_at=at if number % 4 == 1 else None,
        bounced_at=at if number % 5 == 2 else None,
    )


def make_segment(name: str = "Segment", *rules: Any, match: str = "all") -> Segment:
    made = services.create(name, {"version": 1, "match": match, "rules": list(rules)}, by=None, now=NOON)
    db.session.commit()
    return made
