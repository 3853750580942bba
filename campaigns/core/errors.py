"""Domain errors: what went wrong in a sentence, and what the caller should do next.

DomainError
├── NotFound       there is no such thing (or it is none of your business)
├── Forbidden      the operator has not the right
├── Conflict       the thing is in another state by now: look again
├── Invalid        the input must be corrected; `field` says where
└── Misconfigured  an operator must set something up first

ConfigError stands beside them: no app begins with such a setting.
"""

from __future__ import annotations

from typing import Any


class ConfigError(Exception):
    """A setting is unusable; the message says which one and what it may be."""


class DomainError(Exception):
    """Carries a sentence for a person; `web.py` and the commands show it as it is."""

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
