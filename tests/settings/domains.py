"""Sending domains for tests: with keys that sign, and the zone that publishes them."""

from __future__ import annotations

import re

import dkim as verifier

from campaigns.core.db import db
from campaigns.settings.domains import services
from campaigns.settings.domains.models import KeyState, SenderDomain
from tests.factories import NOON


def make_domain(name: str = "example.com", *, is_signing: bool = True, **values) -> SenderDomain:
    domain = services.create_domain(name, now=NOON, **values)
    for key in domain.keys if is_signing else ():
        key.state, key.signing_since = KeyState.SIGNING, NOON
    db.session.commit()
    return domain


def zone_of(domain: SenderDomain) -> dict[str, list[str]]:
    """What is to be published of its keys."""
    return {key.record_name: [key.record] for key in domain.keys}


def verified(raw: bytes, zone: dict[str, list[str]]) -> dict[str, bool]:
    """What a verifier that is not ours says of each signature, by its selector."""
    count = len(re.findall(rb"^DKIM-Signature:", raw.partition(b"\r\n\r\n")[0], re.M))
    return dict(_verified(raw, number, zone) for number in range(count))


def _verified(raw: bytes, number: int, zone: dict[str, list[str]]) -> tuple[str, bool]:
    asked: list[str] = []

    def texts(name: bytes, timeout: int = 5) -> bytes | None:
        asked.append(name.decode().rstrip("."))
        found = zone.get(asked[-1])
        return found[0].encode() if found else None

    try:
        is_good = verifier.DKIM(raw).verify(idx=number, dnsfunc=texts)
    except verifier.DKIMException:
        is_good = False
    return asked[0].partition(".")[0], is_good
