"""Addresses to which an operator may answer with a command."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.accounts.models import Operator
from campaigns.accounts.policy import Action, can
from campaigns.core import inboxes, mail_addresses, signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.planning.by_mail.models import MailCommand
from campaigns.planning.models import Campaign, Revision
from campaigns.settings import queries as settings_queries

GOOD_FOR = timedelta(days=7)


def invite(campaign: Campaign, operator: Operator, *, now: datetime) -> str:
    """A new address that takes one command; empty if nobody would read it or the operator may give none."""
    revision = db.session.get(Revision, campaign.revision_id) if campaign.revision_id else None
    domain = mail_addresses.domain_of(revision.bounce_address) if revision else ""
    if (
        not domain
        or campaign.is_over
        or not can(operator, Action.EDIT_CAMPAIGNS)
        or not inboxes.is_any_read()
    ):
        return ""
    made = MailCommand(
        campaign_id=campaign.id, operator_id=operator.id, created_at=now, expires_at=now + GOOD_FOR
    )
    db.session.add(made)
    db.session.flush()
    token = signing.sign_local(settings_queries.link_key(), Purpose.COMMAND, made.id)
    return mail_addresses.with_token(f"{mail_addresses.COMMAND}@{domain}", token)
