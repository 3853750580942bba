"""Who may do what: the one function that pages, jobs and commands ask."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from campaigns.accounts.models import Operator, Role


class Action(StrEnum):
    READ = "read"  # see lists, people, campaigns, reports
    PRACTISE = "practise"  # read what campaigns sent to the test inbox: links of every recipient
    EDIT = "edit"  # change them, and send
    ADMINISTER = "administer"  # operators, servers, site


ALLOWED = {
    Role.ADMIN: set(Action),
    Role.EDITOR: {Action.READ, Action.PRACTISE, Action.EDIT},
    Role.VIEWER: {Action.READ},
}


def can(operator: Operator | None, action: Action, thing: Any = None) -> bool:
    """Whether the operator may do that (to that thing)."""
    if operator is None or operator.is_disabled:
        return False
    return action in ALLOWED[operator.role]
