"""Changes to sending domains and their keys."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core import config, secrets
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.mail import dkim_keys
from campaigns.mail.dkim_records import Algorithm
from campaigns.settings import checks
from campaigns.settings.domains.models import DkimKey, KeyState, SenderDomain, seal_owner
from campaigns.settings.domains.records import Finding, State

BOTH = (Algorithm.RSA, Algorithm.ED25519)
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def create_domain(name: str, *, algorithms: Sequence[Algorithm] = BOTH, now: datetime) -> SenderDomain:
    """A new domain with keys that wait for their records; raises Invalid (name), Conflict if it exists."""
    name = clean_name(name)
    if db.session.scalar(sa.select(SenderDomain.id).filter_by(name=name)):
        raise Conflict(_("%(name)s has already been added.", name=name))
    domain = SenderDomain(name=name, findings=[], created_at=now)
    db.session.add(domain)
    _add_keys(domain, algorithms, now)
    audit_services.record("domain.created", domain.name, now=now)
    return domain


def clean_name(name: str) -> str:
    """The domain in A-labels; raises Invalid if no address can have it."""
    try:
        name = checks.clean_host(name.strip().rpartition("@")[2])
    except Invalid:
        name = ""
    is_number = name.rpartition(".")[2].isdigit() or ":" in name
    if "." not in name or "_" in name or is_number:
        raise Invalid(
            _("Enter a domain like example.com, without https:// or an email address."), field="name"
        )
    return name


def create_keys(domain: SenderDomain, *, now: datetime) -> list[DkimKey]:
    """New keys that replace the signing ones once they are published; raises Conflict while others wait."""
    if any(key.state is KeyState.WAITING for key in domain.keys):
        raise Conflict(
            _("New keys are waiting for their DNS records. Publish the records or delete the keys.")
        )
    known = {key.algorithm for key in domain.keys}
    audit_services.record("domain.keys_created", domain.name, now=now)
    return _add_keys(domain, [each for each in BOTH if each in known] or BOTH, now)


def delete_key(key: DkimKey) -> None:
    """Delete a key; raises Conflict if it signs."""
    if key.state is KeyState.SIGNING:
        raise Conflict(_("This key is in use. Create and publish new keys first."))
    audit_services.record("domain.key_deleted", key.domain.name, selector=key.selector)
    key.domain.keys.remove(key)
    db.session.flush()


def delete_domain(domain: SenderDomain) -> None:
    """Delete a domain with its keys: messages from it are no longer signed."""
    audit_services.record("domain.deleted", domain.name)
    db.session.delete(domain)
    db.session.flush()


def record_check(domain: SenderDomain, findings: Sequence[Finding], *, now: datetime) -> list[DkimKey]:
    """Store the findings; keys with correct records begin to sign. Returns these."""
    domain.findings, domain.checked_at = [asdict(finding) for finding in findings], now
    right = {finding.name for finding in findings if finding.state is State.RIGHT}
    begun = [key for key in domain.keys if key.state is KeyState.WAITING and key.record_name in right]
    for key in begun:
        for other in domain.keys:
            if other.state is KeyState.SIGNING and other.algorithm is key.algorithm:
                other.state = KeyState.OLD
        key.state, key.signing_since = KeyState.SIGNING, now
    db.session.flush()
    verified, begins = len([each for each in findings if each.state is State.RIGHT]), bool(begun)
    audit_services.record(
        "domain.checked",
        domain.name,
        records=len(findings),
        verified=verified,
        begins_to_sign=begins,
        now=now,
    )
    return begun


def _add_keys(domain: SenderDomain, algorithms: Sequence[Algorithm], now: datetime) -> list[DkimKey]:
    # Random: another installation may sign for the same domain, and selectors are never reused.
    name = "columba-" + "".join(randomness.choice(_LETTERS) for _letter in range(6))
    made = [_key(domain.name, f"{name}-{algorithm.value}", algorithm, now) for algorithm in algorithms]
    domain.keys.extend(made)
    db.session.flush()
    return made


def _key(domain: str, selector: str, algorithm: Algorithm, now: datetime) -> DkimKey:
    private = dkim_keys.generate(algorithm)
    sealed = secrets.seal(
        config.current().secret_key, dkim_keys.to_text(private), owner=seal_owner(domain, selector)
    )
    return DkimKey(
        selector=selector,
        algorithm=algorithm,
        state=KeyState.WAITING,
        private_sealed=sealed,
        public=dkim_keys.public_text(private),
        created_at=now,
    )
