"""Domain errors: a sentence for a person, and a class that says what to do next.

DomainError
├── NotFound       there is no such thing, or it is not visible to the operator
├── Forbidden      the operator lacks the permission
├── Conflict       the state does not allow it: reload and look again
├── Invalid        the input must be corrected; `field` names the form field
└── Misconfigured  an operator must set something up first

ConfigError is no DomainError: with such a setting the app does not start.
"""

from __future__ import annotations

from typing import Any


class ConfigError(Exception):
    """A setting is unusable; the message names it and the values allowed."""


class DomainError(Exception):
    """An error with a sentence for a person, which pages and commands show unchanged."""

    def __init__(self, message: Any, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return str(self.message)


class NotFound(DomainError):
    pass


class Forbidden(DomainError):
    pass


class Conflict(DomainError):
    pass


class Invalid(DomainError):
    def __init__(self, message: Any, *, field: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.field = field


class Misconfigured(DomainError):
    pass
