"""Passkeys (WebAuthn Level 2): bound to this site's host name, so that no other site can use them.

The library is imported when needed: its parsers take a tenth of a process's memory.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from campaigns.accounts.factor import challenges
from campaigns.accounts.factor.challenges import ANYBODY, Purpose
from campaigns.accounts.factor.models import Passkey
from campaigns.accounts.models import Operator
from campaigns.core import config, signing
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.core.i18n import _

LONGEST_ANSWER = 32 * 1024
LONGEST_NAME = 100
MOST = 20  # passkeys of one operator


def are_possible() -> bool:
    """Whether browsers support passkeys at PUBLIC_URL: a host name, with HTTPS unless it is localhost."""
    host = config.current().public_host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return config.current().is_https or host == "localhost" or host.endswith(".localhost")
    return False


def are_there() -> bool:
    """Whether any operator has a passkey."""
    return bool(db.session.scalar(sa.select(sa.exists(sa.select(Passkey.id)))))


def of(operator_id: int) -> Sequence[Passkey]:
    """The operator's passkeys, oldest first."""
    mine = sa.select(Passkey).filter_by(operator_id=operator_id)
    return db.session.scalars(mine.order_by(Passkey.created_at, Passkey.id)).all()


def passkey(operator_id: int, passkey_id: int) -> Passkey:
    """The operator's passkey with this id; raises NotFound."""
    found = db.session.get(Passkey, passkey_id)
    if found is None or found.operator_id != operator_id:
        raise NotFound(_("Passkey not found. It may have been removed already."))
    return found


def options_to_register(operator: Operator, *, site: str, now: datetime) -> str:
    """The options for the browser's `navigator.credentials.create`, as JSON."""
    import webauthn
    from webauthn.helpers import structs

    selection = structs.AuthenticatorSelectionCriteria(
        resident_key=structs.ResidentKeyRequirement.PREFERRED,
        user_verification=structs.UserVerificationRequirement.PREFERRED,
    )
    options = webauthn.generate_registration_options(
        rp_id=config.current().public_host,
        rp_name=site or "Columba",
        user_id=_handle(operator),
        user_name=operator.email,
        user_display_name=operator.display_name,
        challenge=challenges.make(Purpose.REGISTER, operator.id, now=now),
        authenticator_selection=selection,
        exclude_credentials=_descriptors(of(operator.id)),
    )
    return webauthn.options_to_json(options)


def options_to_ask(purpose: Purpose, operator: Operator | None, *, now: datetime) -> str:
    """The options for the browser's `navigator.credentials.get`, as JSON; without an operator, for any passkey."""
    import webauthn
    from webauthn.helpers import structs

    requirement = structs.UserVerificationRequirement
    options = webauthn.generate_authentication_options(
        rp_id=config.current().public_host,
        challenge=challenges.make(purpose, operator.id if operator else ANYBODY, now=now),
        allow_credentials=_descriptors(of(operator.id)) if operator else None,
        user_verification=requirement.PREFERRED if operator else requirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def register(operator: Operator, answer: str, *, name: str, now: datetime) -> Passkey:
    """Verify and store a new passkey; `answer` is the browser's JSON.

    Raises Invalid (name), or Conflict for too many passkeys, a late or invalid answer, or a known passkey.
    """
    import webauthn

    name = " ".join(name.split())[:LONGEST_NAME]
    if not name or not name.isprintable():
        raise Invalid(_("Give the passkey a name, like the device it is on."), field="name")
    if len(of(operator.id)) >= MOST:
        raise Conflict(_("Remove a passkey first. %(most)s is the most that an account can have.", most=MOST))
    challenge = _challenge_of(answer, Purpose.REGISTER, operator.id, now=now)
    if challenge is None:
        raise Conflict(_("The passkey wasn't created in time. Try again."))
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=config.current().public_host,
            expected_origin=_origin(),
        )
    except Exception as error:  # the input is untrusted, and the parsers raise many kinds of errors
        raise Conflict(_("The passkey couldn't be verified. Try again.")) from error
    if not challenges.spend(challenge, now=now) or _by_credential(made.credential_id):
        raise Conflict(_("This passkey is already in use."))
    kept = Passkey(
        operator_id=operator.id,
        name=name,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        transports=_transports(answer),
        created_at=now,
    )
    db.session.add(kept)
    db.session.flush()
    return kept


def accepts(answer: str, purpose: Purpose, operator: Operator | None, *, now: datetime) -> Passkey | None:
    """The passkey that answered our challenge; None for an invalid or repeated answer, or another operator's passkey.

    Without an operator (sign-in by passkey alone) the authenticator must have verified its user by PIN or biometrics.
    """
    import webauthn

    challenge = _challenge_of(answer, purpose, operator.id if operator else ANYBODY, now=now)
    key = _by_credential(_credential_of(answer))
    if challenge is None or key is None or (operator and key.operator_id != operator.id):
        return None
    try:
        shown = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=config.current().public_host,
            expected_origin=_origin(),
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=operator is None,
        )
    except Exception:  # the input is untrusted, and the parsers raise many kinds of errors
        return None
    if not challenges.spend(challenge, now=now):
        return None
    key.sign_count, key.used_at = shown.new_sign_count, now
    return key


def remove(key: Passkey) -> None:
    """Delete the passkey."""
    db.session.delete(key)
    db.session.flush()


def _handle(operator: Operator) -> bytes:
    """WebAuthn's user handle: the same for all passkeys of an account, and no personal data."""
    account = f"{operator.id}:{operator.created_at.isoformat()}"
    return bytes.fromhex(signing.secret_hash(f"passkeys of {account} at {config.current().secret_key}"))


def _origin() -> str:
    parts = urlsplit(config.current().public_url)
    return f"{parts.scheme}://{parts.netloc}"


def _descriptors(keys: Sequence[Passkey]) -> list[Any]:
    from webauthn.helpers import structs

    return [
        structs.PublicKeyCredentialDescriptor(
            id=key.credential_id, transports=[structs.AuthenticatorTransport(name) for name in key.transports]
        )
        for key in keys
    ]


def _by_credential(credential_id: bytes) -> Passkey | None:
    return db.session.scalar(sa.select(Passkey).filter_by(credential_id=credential_id))


def _challenge_of(answer: str, purpose: Purpose, operator_id: int, *, now: datetime) -> bytes | None:
    """The challenge in the answer if it was made here for this purpose and operator; else None."""
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    try:
        said = parse_client_data_json(base64url_to_bytes(_read(answer)["response"]["clientDataJSON"]))
    except Exception:  # what comes in may be anything
        return None
    is_ours = challenges.is_ours(said.challenge, purpose, operator_id, now=now)
    return said.challenge if is_ours else None


def _credential_of(answer: str) -> bytes:
    from webauthn.helpers import base64url_to_bytes

    try:
        return base64url_to_bytes(_read(answer)["rawId"])
    except Exception:  # what comes in may be anything
        return b""


def _transports(answer: str) -> list[str]:
    """How the browser reaches the authenticator (WebAuthn's `transports`)."""
    from webauthn.helpers import structs

    said = _read(answer)["response"].get("transports") or []
    known = {each.value for each in structs.AuthenticatorTransport}
    return sorted({each for each in said if isinstance(each, str)} & known)


def _read(answer: str) -> Any:
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("too long for the answer of a passkey")
    return json.loads(answer)
