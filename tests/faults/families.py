"""All families of faults, in the order in which they are injected."""

from tests.faults import answers, kills, stores_away, wire

__all__ = ["answers", "kills", "stores_away", "wire"]
