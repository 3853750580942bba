"""A campaign's state moves only through the table."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.core.errors import Conflict, NotFound
from campaigns.planning import states
from campaigns.planning.models import Campaign, PauseReason, Status
from tests.factories import NOON, make_campaign

LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(("origin", "to"), list(itertools.product(Status, Status)))
def test_exactly_the_moves_of_the_table_are_possible(app: Flask, origin: Status, to: Status) -> None:
    campaign = make_campaign(status=origin)
    if to in states.MOVES[origin]:
        states.move(campaign.id, to, now=LATER)
        assert campaign.status is to
        return
    with pytest.raises(Conflict) as refused:
        states.move(campaign.id, to, now=LATER)
    assert str(refused.value).endswith(".")
    assert campaign.status is origin


def test_the_second_of_two_tabs_is_told_what_the_first_has_done(each_database: Flask) -> None:
    campaign = make_campaign()
    states.move(campaign.id, Status.SCHEDULED, now=NOON, send_at=LATER)
    db.session.commit()
    with pytest.raises(Conflict, match="already scheduled"):
        states.move(campaign.id, Status.SCHEDULED, now=NOON, send_at=NOON)
    assert campaign.send_at == LATER


def test_a_move_that_relies_on_an_old_version_is_refused(app: Flask) -> None:
    campaign = make_campaign()
    with pytest.raises(Conflict, match="has changed"):
        states.move(campaign.id, Status.SCHEDULED, now=NOON, version=campaign.version + 1)
    assert campaign.status is Status.DRAFT


def test_each_start_of_sending_begins_a_new_epoch_and_keeps_the_first_start(each_database: Flask) -> None:
    campaign = make_campaign(status=Status.PREPARING)
    states.move(campaign.id, Status.SENDING, now=NOON)
    states.move(campaign.id, Status.PAUSED, now=LATER, pause_reason=PauseReason.OPERATOR)
    assert (campaign.pause_reason, campaign.paused_at) == (PauseReason.OPERATOR, LATER)
    states.move(campaign.id, Status.SENDING, now=LATER)
    assert (campaign.epoch, campaign.started_at) == (2, NOON)
    assert (campaign.pause_reason, campaign.paused_at) == (None, None)


def test_a_campaign_that_is_gone_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        states.move(4711, Status.SCHEDULED, now=NOON)
    assert db.session.get(Campaign, 4711) is None
