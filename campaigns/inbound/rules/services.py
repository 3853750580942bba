"""Verbs on rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audience import queries as audience_queries
from campaigns.audit import services as audit_services
from campaigns.core import config
from campaigns.core.db import db, save_unique
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.inbound.mailboxes import services as mailboxes_services
from campaigns.inbound.models import Mailbox
from campaigns.inbound.rules import outside, queries
from campaigns.inbound.rules.matching import Condition, How, Part, plain
from campaigns.inbound.rules.models import OF_CAMPAIGNS, OF_THE_SENDER, Act, Proof, Rule
from campaigns.planning.models import Campaign

MOST_RULES = 50
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Written:
    """What an admin enters; of the targets, that of the action counts."""

    name: str
    conditions: Sequence[Condition]
    proof: Proof
    act: Act
    list_id: int | None = None
    campaign_id: int | None = None
    field_key: str = ""
    field_value: str = ""
    command: str = ""
    url: str = ""
    is_active: bool = True
    mailbox_id: int | None = None  # None: whichever way an email comes in


def create(written: Written, *, by: Operator, now: datetime) -> Rule:
    """A new rule, which acts with the rights of its writer; raises Invalid at a field, Conflict."""
    if (db.session.scalar(sa.select(sa.func.count(Rule.id))) or 0) >= MOST_RULES:
        raise Conflict(_("There are too many rules. Delete some first."))
    rule = Rule(created_at=now)
    _set(rule, written, by)
    _record("rule.created", rule, now)
    return rule


def update(rule: Rule, written: Written, *, by: Operator, now: datetime) -> None:
    """Change it; from now on it acts with the rights of whoever did."""
    _set(rule, written, by)
    _record("rule.updated", rule, now)


def delete(rule: Rule, *, now: datetime) -> None:
    """Delete it with its runs."""
    audit_services.record("rule.deleted", rule.name, now=now)
    db.session.delete(rule)
    db.session.flush()


def delete_mailbox(mailbox: Mailbox) -> None:
    """Delete a mailbox and its secrets; raises Conflict while a rule is limited to it.

    Without its mailbox such a rule would look at no message, or at those of all mailboxes: neither was asked for.
    """
    limited = queries.limited_to(mailbox.id)
    if limited:
        names = ", ".join(each.name for each in limited)
        raise Conflict(
            _(
                "%(name)s can't be deleted: these rules apply only to its emails: %(rules)s. "
                "Change or delete them first.",
                name=mailbox.name,
                rules=names,
            )
        )
    mailboxes_services.delete_mailbox(mailbox)


def known_commands(path: Path | None) -> list[str]:
    """Names of the commands that rules may run."""
    try:
        return sorted(outside.commands(path))
    except outside.Refused:
        return []


def _set(rule: Rule, written: Written, by: Operator) -> None:
    _check(written)
    rule.name = _name(written.name)
    rule.conditions = [each.stored() for each in written.conditions]
    rule.mailbox_id = written.mailbox_id
    rule.proof, rule.act, rule.is_active = written.proof, written.act, written.is_active
    rule.list_id = written.list_id if written.act in (Act.UNSUBSCRIBE, Act.SUBSCRIBE) else None
    rule.campaign_id = written.campaign_id if written.act in OF_CAMPAIGNS else None
    rule.field_key = written.field_key if written.act is Act.SET_FIELD else ""
    rule.field_value = written.field_value[:LONGEST] if written.act is Act.SET_FIELD else ""
    rule.command = written.command if written.act is Act.RUN else ""
    rule.url = written.url if written.act is Act.CALL else ""
    rule.created_by_id = by.id
    save_unique(rule, Conflict(_("There is already a rule with this name.")))


def _record(action: str, rule: Rule, now: datetime) -> None:
    mailbox = db.session.get(Mailbox, rule.mailbox_id or 0)
    details: dict[str, Any] = {"does": rule.act.value}
    if mailbox is not None:
        details["mailbox"] = mailbox.name
    audit_services.record(action, rule.name, **details, now=now)


def _check(written: Written) -> None:
    if written.mailbox_id is not None and db.session.get(Mailbox, written.mailbox_id) is None:
        raise Invalid(_("Choose a mailbox."), field="mailbox_id")
    if not written.conditions:
        raise Invalid(_("Enter at least one condition."), field="text1")
    for number, each in enumerate(written.conditions, start=1):
        if not plain(each.text) or len(each.text) > LONGEST:
            raise Invalid(_("Enter a text."), field=f"text{number}")
        if each.part is Part.HEADER and not each.header:
            raise Invalid(_("Enter the name of the header field."), field=f"header{number}")
    if written.act in OF_THE_SENDER and written.proof is not Proof.SIGNATURE:
        raise Invalid(_("What is done about the sender needs the sender's signature."), field="proof")
    if written.act not in OF_THE_SENDER and written.proof is Proof.SIGNATURE and not _names_sender(written):
        raise Invalid(_("Name the sender: a condition that From is an address."), field="part1")
    _check_target(written)


def _names_sender(written: Written) -> bool:
    """Anybody has a domain that signs; only a whole address says whose it is."""
    return any(each.part is Part.FROM and each.how is How.EQUALS for each in written.conditions)


def _check_target(written: Written) -> None:
    if written.act is Act.SUBSCRIBE and written.list_id is None:
        raise Invalid(_("Choose a list."), field="list_id")
    if written.act in OF_CAMPAIGNS and db.session.get(Campaign, written.campaign_id or 0) is None:
        raise Invalid(_("Choose a campaign."), field="campaign_id")
    keys = {each.key for each in audience_queries.fields()}
    if written.act is Act.SET_FIELD and written.field_key not in keys:
        raise Invalid(_("Choose a field."), field="field_key")
    if written.act is Act.RUN and written.command not in known_commands(config.current().rule_commands):
        raise Invalid(_("Choose a command."), field="command")
    if written.act is Act.CALL:
        _check_url(written.url)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        _port = parts.port
    except ValueError:
        is_good = False
    if not is_good or len(url) > 500 or not url.isascii() or any(each <= " " for each in url):
        raise Invalid(_("Enter a full URL, like https://example.com/hook."), field="url")


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid(_("Enter a name."), field="name")
    return name[:100]
