"""The search finds who has the words, and its pages lead through everybody once; on both databases."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries, search, services
from campaigns.audience.finding import keyset, sizes, texts
from campaigns.audience.finding.keyset import Start
from campaigns.audience.models import FieldKind, Origin, Status, Subscriber
from campaigns.audience.search import Search
from campaigns.core.db import db
from tests.factories import NOON, make_field, make_list, make_subscriber

PARTS = (
    "ann",
    "Zoë",
    "李雷",
    "ÉMILE",
    "o'brien",
    'quo"te',
    "back\\slash",
    "100%",
    "under_score",
    "Bo",
    "x",
    "Вера",
    "ß",
)
HOSTS = ("example.org", "mail.example", "sub.example.net")


def make_people(dice: random.Random, number: int = 40) -> list[Subscriber]:
    """People whose fields hold some of the parts; a number, a deleted field and a list of options are never searched."""
    return [
        make_subscriber(
            f"{dice.choice(('ann', 'bo', 'zo', 'x'))}{at}.{dice.choice(('Miller', 'li'))}@{dice.choice(HOSTS)}",
            fields={
                key: value
                for key, value in {
                    "name": " ".join(dice.choices(PARTS, k=dice.randint(1, 3))),
                    "city": dice.choice((*PARTS, "")),
                    "plan": dice.choice(("Free", "Pro")),
                    "orders": dice.randint(0, 500),
                    "gone": "hidden",
                    "colours": ["Red", "ann"],
                }.items()
                if dice.random() < 0.8
            },
        )
        for at in range(number)
    ]


def make_fields() -> None:
    make_field("name")
    make_field("city")
    make_field("plan", kind=FieldKind.CHOICE, options=["Free", "Pro"])
    make_field("orders", kind=FieldKind.NUMBER)
    make_field("colours", kind=FieldKind.CHOICES, options=["Red", "ann"])


def has_words(person: Subscriber, text: str) -> bool:
    """The same in plain Python."""
    places = [person.email, *(person.fields.get(key, "") for key in ("name", "city", "plan"))]
    return all(
        any(word in place if len(word) > 2 else place.startswith(word) for place in map(str.lower, places))
        for word in text.lower().split()
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_search_finds_exactly_who_has_every_word(each_database: Flask, seed: int) -> None:
    dice = random.Random(seed)
    make_fields()
    people = make_people(dice)
    for each in dice.sample(people, 10):  # the index follows changes and deletions
        each.fields = {**each.fields, "city": dice.choice(PARTS)}
    db.session.commit()
    services.delete_people([people.pop(), people.pop()], now=NOON)
    db.session.commit()
    words = [
        *PARTS,
        *HOSTS,
        "hidden",
        "Red",
        "23",
        "example",
        "iller",
        "LL",
        "li",
        "pro",
        '"',
        "\\",
        "%",
        "_",
        ",",
        "/",
    ]
    for text in [*words, *(" ".join(dice.sample(words, 2)) for _ in range(20))]:
        expected = {each.id for each in people if has_words(each, text)}
        wanted = Search(text=text)
        assert set(db.session.scalars(search.found(wanted).with_only_columns(Subscriber.id))) == expected, (
            text
        )
        assert {each.id for each in keyset.page(wanted, Start()).items} == expected, text
        candidates = texts.candidates(text, most=100)
        assert candidates is None or expected <= set(candidates), text


def test_candidates_of_an_index_are_few(app: Flask) -> None:
    make_field("name")
    for each in ("Zoë Meier", "Zoltan", "Ann"):
        make_subscriber(fields={"name": each})
    assert len(texts.candidates("zoë", most=9) or ()) == 1
    assert len(texts.candidates("zo", most=9) or ()) == 2
    assert texts.candidates("zo", most=1) is None
    assert texts.candidates("nobody", most=9) == []


@pytest.mark.parametrize("most", [1000, 2])
def test_pages_lead_through_everybody_once_and_back(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """In each order, whether the people are looked up one by one or read in their order."""
    monkeypatch.setattr(keyset, "MOST_COUNTED", most)
    dice = random.Random(7)
    loft = make_list("Loft")
    for _each in range(11):
        moment = NOON + timedelta(hours=dice.randint(0, 3))
        values = {
            "last_opened_at": dice.choice((None, moment)),
            "last_clicked_at": dice.choice((None, moment)),
        }
        make_subscriber(f"{dice.randint(100, 999)}x@example.org", lists=[loft], **values)
    for sort in ("email", "-email", "added", "-added", "opened", "-opened", "clicked", "-clicked"):
        check_pages(Search.parse({"list": str(loft.id), "sort": sort}))


def check_pages(wanted: Search) -> None:
    expected = [each.id for each in db.session.scalars(search.people(wanted))]
    start, shown = Start(), []
    while True:
        page = keyset.page(wanted, start, size=3)
        assert page.count.number == len(expected)
        assert page.has_previous == bool(shown)
        shown.append([each.id for each in page.items])
        if page.next is None:
            break
        start = Start(after=page.next)
    assert [each for some in shown for each in some] == expected
    for before in reversed(shown[:-1]):
        page = keyset.page(wanted, Start(before=page.previous), size=3)
        assert [each.id for each in page.items] == before
        assert page.has_next
    assert page.previous is None


def test_a_page_behind_a_person_who_is_gone_is_the_first(each_database: Flask) -> None:
    ann = make_subscriber("ann@example.org")
    page = keyset.page(Search(sort="email"), Start(after=4711))
    assert [each.id for each in page.items] == [ann.id]
    assert not page.has_previous


def test_many_are_counted_up_to_a_limit(each_database: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "MOST_COUNTED", 2)
    for _each in range(4):
        make_subscriber(fields={})
    assert keyset.page(Search(text="person"), Start()).count == keyset.Count(2, is_exact=False)
    assert keyset.page(Search(), Start()).count == keyset.Count(4)
    assert search.count(Search(text="person")) == 4


def test_sizes_follow_every_way_of_joining_and_leaving(each_database: Flask) -> None:
    loft, other = make_list("Loft"), make_list("Other")
    ann, bob, _eve = (make_subscriber(lists=[loft, other]) for _each in range(3))
    services.unsubscribe(ann.id, list_ids=None, origin=Origin.PAGE, now=NOON)
    services.delete_person(bob, now=NOON)
    db.session.commit()
    size = queries.list_sizes()[loft.id]
    assert (size.subscribed, size.unsubscribed, size.unconfirmed) == (1, 1, 0)
    sizes.join_up()
    db.session.commit()
    assert not sizes.are_scattered()
    make_subscriber(lists=[loft], status=Status.UNCONFIRMED)
    db.session.execute(sa.delete(type(other)).where(type(other).id == other.id))
    db.session.commit()
    sizes.join_up()
    size = queries.list_sizes()[loft.id]
    assert (size.subscribed, size.unsubscribed, size.unconfirmed) == (1, 1, 1)
    assert queries.people_count() == 3
    assert set(sizes.of_lists([other.id])[other.id].values()) <= {0}
