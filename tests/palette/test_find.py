"""The palette: a few letters find campaigns, people, lists, pages and actions."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from campaigns import navigation
from campaigns.palette import queries
from tests.factories import make_campaign, make_field, make_list, make_subscriber

PALETTE = {"X-Requested-With": "palette"}


def found(client: Any, text: str) -> list[str]:
    """What is listed for these letters, by name."""
    page = client.get("/find", query_string={"q": text}, headers=PALETTE).get_data(as_text=True)
    return re.findall(r'class="cell-main" dir="auto">([^<]*)<', page)


@pytest.fixture
def world(app) -> None:
    make_field("first_name")
    readers = make_list("Harbour readers")
    make_subscriber("ana@example.org", lists=[readers], fields={"first_name": "Mirabel"})
    make_campaign(name="Harbour news", subject="Boats in May")


def test_a_few_letters_find_campaigns_people_and_lists(world, ben) -> None:
    assert found(ben, "harb") == ["Harbour news", "Harbour readers"]
    assert found(ben, "boats may") == ["Harbour news"]
    assert found(ben, "ANA@") == ["Mirabel"]
    assert found(ben, "mirab") == ["Mirabel"]


def test_pages_and_actions_are_found_by_their_name(world, ada) -> None:
    assert "Import people" in found(ada, "import")
    assert found(ada, "domain lim") == ["Domain limits"]
    assert found(ada, "audit") == ["Audit log"]


def test_nobody_is_led_to_what_their_role_forbids(world, cleo) -> None:
    """`cleo` may look and do nothing else."""
    assert found(cleo, "") and not {"New campaign", "Import people", "Audit log"} & set(found(cleo, ""))


def test_without_script_it_is_a_page(world, ben) -> None:
    page = ben.get("/find?q=harbour").get_data(as_text=True)
    assert "<h1" in page and "Harbour news" in page
    assert "No results for “zzzz”." in ben.get("/find?q=zzzz").get_data(as_text=True)


def test_signs_of_patterns_are_only_letters(world, ben) -> None:
    assert found(ben, "%") == found(ben, "_") == []


def test_among_many_people_only_the_beginning_of_addresses_is_looked_at(world, ben, monkeypatch) -> None:
    monkeypatch.setattr(queries, "FEW_PEOPLE", 0)
    assert found(ben, "ana") == ["Mirabel"]
    assert found(ben, "mirab") == []


# Seen without the bar or from everywhere: signing in, one's own profile, the palette, exports, parts of pages,
# and acts that answer with no page of their own.
NOWHERE = {
    *("accounts.sign_in", "accounts.forgotten", "accounts.mail_sent", "accounts.reset", "accounts.welcome"),
    *("accounts.invitation", "accounts.profile", "accounts.sign_out", "accounts.sign_out_everywhere"),
    *("accounts.update_password", "palette.find", "audience.export", "reports.growth", "reports.in_flight"),
    *("audience.delete_subscription", "audience.create_undo"),
    *(
        "reports.dismiss_campaign",
        "reports.dismiss_import",
        "reports.create_certainty",
        "reports.create_retry",
        "reports.deliverability_received",
    ),
    "settings.create_default_server",
    *("accounts.confirm", "accounts.second_step", "accounts.set_up", "accounts.sign_in_by_passkey"),
    *(
        "accounts.security",
        "accounts.security_app",
        "accounts.security_remove_app",
        "accounts.security_codes",
    ),
    *("accounts.security_passkey", "accounts.security_remove_passkey", "accounts.security_forget_device"),
    *("accounts.security_end_session", "accounts.security_end_others"),
}
PARTS = {
    "accounts",
    "audience",
    "content",
    "delivery",
    "palette",
    "planning",
    "practice",
    "reports",
    "settings",
}


def test_every_page_stands_in_one_group_of_the_bar(app: Flask) -> None:
    def groups(endpoint: str) -> list[str]:
        return [
            str(entry.label)
            for entry in navigation.ENTRIES
            if any(endpoint.startswith(each.prefixes) for each in (entry, *entry.children))
        ]

    pages = {name for name in app.view_functions if name.partition(".")[0] in PARTS and name not in NOWHERE}
    assert {name: groups(name) for name in pages if len(groups(name)) != 1} == {}


@pytest.mark.parametrize(
    ("path", "group"),
    [("/people", "Lists"), ("/settings/servers", "Domain limits"), ("/settings/senders", "Audit log")],
)
def test_only_the_group_in_which_one_is_stands_open(world, ada, path: str, group: str) -> None:
    page = ada.get(path).get_data(as_text=True)
    bar = page[page.index('class="nav-main"') : page.index("</nav>")]
    entries = re.findall(r'<span class="label">([^<]*)</span>', bar)
    assert entries == ["Home", "Campaigns", "People", "Deliverability", "Settings"]
    assert bar.count("<ul>") == 2, "the bar and one group"
    assert f">{group}</a>" in bar


def test_an_address_is_found_by_exactly_how_it_begins(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(queries, "FEW_PEOPLE", 0)
    for name in ("ana", "an.abel", "ana-maria", "ana1", "anb", "a_a", "aba"):
        make_subscriber(f"{name}@example.org")

    def those(text: str) -> list[str]:
        return sorted(each.address.partition("@")[0] for each in queries.people(text))

    assert those("ana") == ["ana", "ana-maria", "ana1"]
    assert those("ana@") == ["ana"]
    assert those("an.") == ["an.abel"]
    assert those("a_") == ["a_a"]
    assert those("%") == []
