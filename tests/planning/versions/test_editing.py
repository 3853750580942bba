"""Who is writing a draft: one tab at a time, for as long as it is heard of."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from campaigns.accounts.models import Operator
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from campaigns.planning.versions import editing
from campaigns.planning.versions.models import SILENCE, Editing
from tests.factories import NOON, make_campaign, make_cast_member

SECOND = timedelta(seconds=1)


def claim(
    campaign: Campaign, who: Operator, tab: str, after: timedelta = timedelta(0), **more: object
) -> str:
    found = editing.claim(campaign, operator_id=who.id, tab=tab, now=NOON + after, **more)  # type: ignore[arg-type]
    db.session.commit()
    return f"{found.who} {found.tab}"


def test_the_first_writes_and_others_hear_who_it_is(each_database: Flask) -> None:
    campaign, ada, ben = make_campaign(), make_cast_member("ada"), make_cast_member("ben")
    assert claim(campaign, ada, "one") == "Ada one"
    assert claim(campaign, ben, "two") == "Ada one"
    assert claim(campaign, ada, "three") == "Ada one"
    assert claim(campaign, ada, "one", 30 * SECOND) == "Ada one"
    assert not editing.is_put_out(campaign.id, operator_id=ada.id, tab="one", now=NOON)
    assert editing.is_put_out(campaign.id, operator_id=ben.id, tab="two", now=NOON)


def test_after_a_minute_of_silence_anybody_may_write(each_database: Flask) -> None:
    campaign, ada, ben = make_campaign(), make_cast_member("ada"), make_cast_member("ben")
    claim(campaign, ada, "one")
    assert claim(campaign, ben, "two", SILENCE - SECOND) == "Ada one"
    assert editing.holder(campaign.id, now=NOON + SILENCE) is None
    assert claim(campaign, ben, "two", SILENCE) == "Ben two"
    assert claim(campaign, ada, "one", SILENCE) == "Ben two"


def test_who_takes_over_puts_the_other_out_and_that_is_on_record(each_database: Flask) -> None:
    campaign, ada, ben = make_campaign(name="Autumn"), make_cast_member("ada"), make_cast_member("ben")
    claim(campaign, ada, "one")
    assert claim(campaign, ben, "two", takes_over=True) == "Ben two"
    assert editing.is_put_out(campaign.id, operator_id=ada.id, tab="one", now=NOON)
    entry = db.session.query(AuditEntry).filter_by(action="campaign.editing_taken").one()
    assert (entry.subject, entry.details) == ("Autumn", {"put_out": "Ada"})


def test_a_tab_that_is_loaded_anew_goes_on(app: Flask) -> None:
    campaign, ada, ben = make_campaign(), make_cast_member("ada"), make_cast_member("ben")
    claim(campaign, ada, "one")
    assert claim(campaign, ada, "one again", was="one") == "Ada one again"
    assert claim(campaign, ben, "two", was="one again") == "Ada one again"


def test_a_tab_that_is_closed_lets_go_of_its_own_alone(each_database: Flask) -> None:
    campaign, ada, ben = make_campaign(), make_cast_member("ada"), make_cast_member("ben")
    claim(campaign, ada, "one")
    editing.release(campaign.id, operator_id=ben.id, tab="one")
    assert claim(campaign, ben, "two") == "Ada one"
    editing.release(campaign.id, operator_id=ada.id, tab="one")
    assert claim(campaign, ben, "two") == "Ben two"


def test_a_tab_that_is_only_open_is_not_active(app: Flask) -> None:
    campaign, ada = make_campaign(), make_cast_member("ada")
    claim(campaign, ada, "one")
    claim(campaign, ada, "one", 40 * SECOND, is_active=False)
    found = db.session.get_one(Editing, campaign.id)
    assert (found.seen_at, found.active_at) == (NOON + 40 * SECOND, NOON)
    claim(campaign, ada, "one", 50 * SECOND)
    db.session.expire_all()
    assert db.session.get_one(Editing, campaign.id).active_at == NOON + 50 * SECOND
