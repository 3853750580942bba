"""Lanes that share a server."""

from __future__ import annotations

import threading

from flask import Flask

from campaigns.core.db import db
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning.models import Campaign
from tests.delivery.factories import id_of

PATIENT = Timing(lease_s=8, budget_s=20, breath_s=0.01, patience_s=3)


def lanes(app: Flask, campaign: Campaign, number: int, *, timing: Timing = PATIENT) -> list[End]:
    """That many lanes at once, each in a thread of its own, each starting again as long as there is more."""
    campaign_id, ends = id_of(campaign), []

    def run() -> None:
        with app.app_context():
            for _round in range(20):
                end = lane_runner.send(campaign_id, timing=timing)
                db.session.remove()
                if end is not End.MORE:
                    break
            ends.append(end)

    db.session.rollback()
    threads = [threading.Thread(target=run) for _number in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ends
