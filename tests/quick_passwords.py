"""Fast password hashes for tests: argon2 is slow on purpose, and hundreds of tests sign in."""

from __future__ import annotations

from argon2 import PasswordHasher

from campaigns.accounts import passwords

REAL = passwords._hasher


def use_them() -> None:
    """For the whole test process; also renews the hash that unknown accounts are compared with."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=128, parallelism=1)
    passwords._nobody = passwords._hasher.hash("nobody has this password")
