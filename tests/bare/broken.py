"""What ends a run on a bare machine."""

from __future__ import annotations


class Broken(Exception):
    """README's promise does not hold here, or can't be tried; the sentence says why."""
