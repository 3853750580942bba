"""SASL mechanisms as lines of text (RFC 4616 PLAIN, LOGIN, XOAUTH2)."""

from __future__ import annotations

from base64 import b64encode

PREFERENCE = ("PLAIN", "LOGIN", "XOAUTH2")


def choose(offered: frozenset[str], wanted: str | None) -> str | None:
    """The mechanism to use: the wanted one, else the first we both know; None when there is none."""
    if wanted:
        return wanted if wanted in offered else None
    return next((name for name in PREFERENCE[:2] if name in offered), None)


def lines(mechanism: str, username: str, password: str) -> list[str]:
    """What we say, line by line: the AUTH command, then an answer to each 334."""
    if mechanism == "PLAIN":
        return ["AUTH PLAIN " + _coded("\0" + username + "\0" + password)]
    if mechanism == "LOGIN":
        return ["AUTH LOGIN", _coded(username), _coded(password)]
    return ["AUTH XOAUTH2 " + _coded(f"user={username}\x01auth=Bearer {password}\x01\x01"), ""]


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()
