"""All families of faults, in the order in which they are injected."""

from tests.faults import kills

__all__ = ["kills"]
