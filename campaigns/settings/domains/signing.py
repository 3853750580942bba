"""Signers for messages: the unsealed keys of the sender's domain."""

from __future__ import annotations

from datetime import datetime

from campaigns.core import config, secrets
from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _
from campaigns.mail import dkim, dkim_keys
from campaigns.mail.dkim import Signer
from campaigns.mail.message import Sign
from campaigns.settings.domains import queries
from campaigns.settings.domains.models import DkimKey, SenderDomain, seal_owner
from campaigns.settings.domains.records import Questions


def signer_for(address: str) -> Signer | None:
    """The signer for messages from that address; None without a published key. Raises Misconfigured."""
    domain = queries.signing_domain(address)
    if domain is None:
        return None
    keys = [dkim.Key(domain.name, key.selector, opened(key)) for key in domain.signing_keys]
    return Signer(keys, in_eights=config.current().rsa_in_eights)


def sign_from(address: str, moment: datetime) -> Sign | None:
    """The same for one message with that date."""
    signer = signer_for(address)
    return signer.at(moment) if signer else None


def questions(domain: SenderDomain) -> Questions:
    """What to ask DNS about the domain; raises Misconfigured."""
    return Questions(domain.name, [(key.record_name, opened(key)) for key in domain.keys])


def opened(key: DkimKey) -> dkim.PrivateKey:
    """The private key; raises Misconfigured when SECRET_KEY is not the one that sealed it."""
    try:
        text = secrets.open_sealed(
            config.current().secret_key,
            bytes(key.private_sealed),
            owner=seal_owner(key.domain.name, key.selector),
        )
    except Misconfigured as error:
        raise Misconfigured(
            _(
                "The DKIM keys of %(domain)s can't be read: SECRET_KEY has changed. Put the old one back, or "
                "delete the sending domain and add it again.",
                domain=key.domain.name,
            )
        ) from error
    return dkim_keys.from_text(text)
