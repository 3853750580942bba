"""Person or machine: single requests, bursts, and a corpus of personas with known truth."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.tracking.models import Actor, Kind
from campaigns.tracking.networks import without_person
from campaigns.tracking.robots import Hit, Seen, burst, judge
from tests.factories import NOON

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
OUTLOOK = "Mozilla/4.0 (compatible; ms-office; MSOffice 16) Microsoft Outlook 16.0"


@pytest.mark.parametrize("agent", [FIREFOX, GMAIL, YAHOO, OUTLOOK])
def test_readers_and_the_proxies_that_show_them_pictures_are_people(agent: str) -> None:
    assert judge(Hit(Kind.OPEN, NOON, agent)).verdict is Actor.HUMAN


@pytest.mark.parametrize(
    ("hit", "signal"),
    [
        (Hit(Kind.OPEN, NOON, "Mozilla/5.0"), "T5"),
        (Hit(Kind.OPEN, NOON, ""), "T3"),
        (Hit(Kind.CLICK, NOON, "curl/8.0"), "T3"),
        (Hit(Kind.CLICK, NOON, "Barracuda Sentinel (EE)"), "T3"),
        (Hit(Kind.CLICK, NOON, FIREFOX, ip="40.107.3.4"), "T4"),
        (Hit(Kind.CLICK, NOON, FIREFOX, ip="2a01:111:f400::1"), "T4"),
        (Hit(Kind.CLICK, NOON, FIREFOX, purpose="prefetch"), "T2"),
    ],
)
def test_machines_are_known_by_their_signals(hit: Hit, signal: str) -> None:
    found = judge(hit)
    assert (found.verdict, found.signals) == (Actor.MACHINE, (signal,))


def test_a_click_of_apples_users_is_a_persons() -> None:
    assert judge(Hit(Kind.CLICK, NOON, FIREFOX)).verdict is Actor.HUMAN


def test_what_comes_within_three_seconds_is_unsure() -> None:
    found = judge(Hit(Kind.CLICK, NOON, FIREFOX, sent_at=NOON - timedelta(seconds=1)))
    assert found.verdict is Actor.UNSURE


def clicks(links: list[int], *, gap_s: float, network: str = "n", start: datetime = NOON, first_id: int = 1):
    return [
        Seen(first_id + number, Kind.CLICK, start + timedelta(seconds=gap_s * number), link, network)
        for number, link in enumerate(links)
    ]


def test_three_links_within_two_seconds_are_a_machine_and_take_its_open_with_them() -> None:
    pixel = Seen(99, Kind.OPEN, NOON - timedelta(seconds=9), None, "n")
    assert burst([pixel, *clicks([1, 2, 3], gap_s=0.4)]) == {99, 1, 2, 3}


@pytest.mark.parametrize(
    ("links", "gap_s"), [([1, 1, 1, 1], 0.1), ([1, 2], 0.1), ([1, 2, 3], 20), ([1, 2, 3, 4], 5)]
)
def test_people_who_click_twice_or_read_on_are_no_burst(links: list[int], gap_s: float) -> None:
    assert burst(clicks(links, gap_s=gap_s)) == set()


@given(
    human=st.integers(0, 600),
    scanner=st.lists(st.integers(1, 12), min_size=3, max_size=12, unique=True),
    start=st.integers(0, 600),
)
def test_a_scanner_never_takes_a_click_from_another_network(
    human: int, scanner: list[int], start: int
) -> None:
    mine = Seen(1000, Kind.CLICK, NOON + timedelta(seconds=human), 1, "home")
    swarm = clicks(scanner, gap_s=0.1, network="gateway", start=NOON + timedelta(seconds=start))
    assert 1000 not in burst([mine, *swarm])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5), st.sampled_from("ab")), max_size=20))
def test_looking_again_changes_nothing(raw: list[tuple[int, int, str]]) -> None:
    events = [
        Seen(number, Kind.CLICK, NOON + timedelta(seconds=second), link, network)
        for number, (second, link, network) in enumerate(raw)
    ]
    assert burst(events) == burst(list(reversed(events)))


@pytest.mark.parametrize(
    ("address", "kept"),
    [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3::4", "2001:db8:1::"), ("rubbish", ""), ("", "")],
)
def test_the_last_part_of_an_address_is_not_kept(address: str, kept: str) -> None:
    assert without_person(address) == kept


def personas(dice: random.Random, count: int) -> list[tuple[bool, list[Seen]]]:
    """(is a person, the clicks of one mail): as measured gateways and readers behave."""
    found = []
    for number in range(count):
        first = 100 * number
        if dice.random() < 0.4:  # a gateway: every link within two seconds, most 20 to 60 s after the send
            start = NOON + timedelta(seconds=dice.choices([15, 40, 150, 900], [2, 66, 28, 4])[0])
            links = list(range(1, dice.randint(4, 12)))
            found.append((False, clicks(links, gap_s=0.12, network="gw", start=start, first_id=first)))
        else:  # a reader: one to three links, seconds to hours apart, now and then a double click
            start = NOON + timedelta(seconds=dice.expovariate(1 / 4000))
            links = [dice.randint(1, 8) for _ in range(dice.choice([1, 1, 1, 2, 3]))]
            if dice.random() < 0.1:
                links.append(links[-1])
            found.append(
                (
                    True,
                    clicks(links, gap_s=dice.uniform(0.3, 60), network="home", start=start, first_id=first),
                )
            )
    return found


def test_human_clicks_are_told_from_machines_with_high_precision_and_recall() -> None:
    human_kept = human_lost = machine_kept = 0
    for is_person, events in personas(random.Random(1850), 2000):
        kept = len(events) - len(burst(events))
        if is_person:
            human_kept, human_lost = human_kept + kept, human_lost + len(events) - kept
        else:
            machine_kept += kept
    assert human_kept / (human_kept + machine_kept) >= 0.98
    assert human_kept / (human_kept + human_lost) >= 0.97
