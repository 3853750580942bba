"""Composes a lane's messages from a frozen revision, compiled once, and each recipient's values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from campaigns.content.compiled import Compiled, compile_content
from campaigns.content.language import TemplateError
from campaigns.content.source import Recipient
from campaigns.core import config, signing
from campaigns.core.signing import Purpose
from campaigns.delivery.sender.store import Copy
from campaigns.mail.dkim import Signer
from campaigns.mail.headers import HeaderInjection
from campaigns.mail.message import message_id
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign
from campaigns.planning.sources import source_of
from campaigns.settings import queries as settings_queries
from campaigns.settings.domains.signing import signer_for

Unmade = TemplateError | HeaderInjection | ValueError


@dataclass(frozen=True)
class Content:
    """A compiled revision, ready to compose for any recipient."""

    campaign_id: int
    compiled: Compiled
    key: bytes
    mail_from: str
    language: str
    signer: Signer | None = None

    @property
    def host(self) -> str:
        """Host name of our links, and the name in EHLO, whichever host sends."""
        return urlsplit(self.compiled.source.public_url).hostname or "localhost"

    @property
    def needs_fields(self) -> bool:
        """Whether composing needs any field of the person except the address."""
        return bool(self.compiled.fields - {"email"})

    def envelope_id(self, delivery_id: int) -> str:
        """ENVID for bounce reports (RFC 3461 section 4.4); only the key tells which delivery it is."""
        return signing.sign(self.key, Purpose.BOUNCE, delivery_id)

    def compose(self, copies: Sequence[Copy]) -> list[bytes | Unmade]:
        """The messages of these recipients, identical on every attempt, or why one cannot be composed."""
        made = [self._made(copy) for copy in copies]
        if self.signer is None:
            return made
        mails = [(mail, copy) for mail, copy in zip(made, copies, strict=True) if isinstance(mail, bytes)]
        # Signed as of the message's own date, so that a retry has the same bytes.
        signed = iter(
            self.signer.signed([mail for mail, _ in mails], [copy.facts.started_at for _, copy in mails])
        )
        return [next(signed) if isinstance(mail, bytes) else mail for mail in made]

    def _made(self, copy: Copy) -> bytes | Unmade:
        number = copy.facts.delivery_id
        identity = message_id(
            *(self.key, self.campaign_id, copy.claim.wave, copy.subscriber_id),
            self.compiled.source.message_id_domain,
        )
        recipient = Recipient(
            to_name="",
            to_address=copy.email,
            values={**copy.fields, "email": copy.email},
            message_id=identity,
            date=copy.facts.started_at,
            track_token=signing.sign(self.key, Purpose.TRACK, number),
            unsubscribe_token=signing.sign(self.key, Purpose.SUBSCRIPTION, number),
            view_token=signing.sign(self.key, Purpose.VIEW, number),
        )
        try:
            return self.compiled.compose(recipient)
        except (TemplateError, HeaderInjection, ValueError) as error:
            return error


def content_of(campaign: Campaign) -> Content:
    """The campaign's frozen content and its signer. Raises TemplateError, NotFound, Misconfigured."""
    revision = planning_queries.revision(campaign.revision_id or 0)
    source = source_of(
        revision,
        site=settings_queries.site(),
        list_=next(iter(campaign.lists), None),
        public_url=revision.public_url or config.current().public_url,
    )
    return Content(
        campaign_id=campaign.id,
        compiled=compile_content(source),
        key=settings_queries.link_key(),
        mail_from=revision.from_email,
        language=source.language,
        signer=signer_for(revision.from_email),
    )
