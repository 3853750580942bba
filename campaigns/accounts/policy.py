"""Permissions: what each role may do."""

from __future__ import annotations

from enum import StrEnum

from campaigns.accounts.models import Operator, Role


class Action(StrEnum):
    """What a page or button does, by area, so that roles can be permitted areas separately."""

    SIGN_IN = "sign_in"  # one's own profile
    READ_PEOPLE = "read_people"  # addresses, wherever they are shown: people, lists, imports, recipients
    READ_CAMPAIGNS = "read_campaigns"  # drafts, previews and sending
    READ_REPORTS = "read_reports"  # Home and reports, without anybody's address
    READ_SETTINGS = "read_settings"  # servers, domains and senders, without secrets
    PRACTISE = "practise"  # read the test inbox: its emails have links of every recipient
    EDIT_PEOPLE = "edit_people"  # people, lists, fields, imports, suppressions
    EDIT_CAMPAIGNS = "edit_campaigns"  # campaigns and senders; send, pause, cancel
    ADMINISTER = "administer"  # operators, servers, site


READS = {Action.READ_PEOPLE, Action.READ_CAMPAIGNS, Action.READ_REPORTS, Action.READ_SETTINGS}
ALLOWED = {
    Role.ADMIN: set(Action),
    Role.EDITOR: {Action.SIGN_IN, *READS, Action.PRACTISE, Action.EDIT_PEOPLE, Action.EDIT_CAMPAIGNS},
    Role.VIEWER: {Action.SIGN_IN, *READS},
}


def can(operator: Operator | None, action: Action) -> bool:
    """Whether the operator's role permits the action; False for None and for a disabled operator."""
    if operator is None or operator.is_disabled:
        return False
    return action in ALLOWED[operator.role]
