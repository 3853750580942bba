"""What a lane composes from: a frozen revision compiled once, and each recipient's own values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from campaigns.content.compiled import Compiled, compile_content
from campaigns.content.source import Recipient
from campaigns.core import config, signing
from campaigns.core.signing import Purpose
from campaigns.mail.dkim import Signer
from campaigns.mail.message import message_id
from campaigns.planning import queries as planning
from campaigns.planning.models import Campaign
from campaigns.planning.sources import source_of
from campaigns.settings import queries as settings
from campaigns.settings.domains.signing import signer_for


@dataclass(frozen=True)
class Content:
    """A revision ready to compose for anybody."""

    campaign_id: int
    compiled: Compiled
    key: bytes
    mail_from: str
    language: str
    signer: Signer | None = None

    @property
    def host(self) -> str:
        """The host name that our links lead to, and by which we greet servers, whichever host sends."""
        return urlsplit(self.compiled.source.public_url).hostname or "localhost"

    @property
    def needs_fields(self) -> bool:
        """Whether a copy needs anything of a person but the address."""
        return bool(self.compiled.fields - {"email"})

    def envelope_id(self, delivery_id: int) -> str:
        """Names the copy in reports that come back; only who has the key can tell whose it is."""
        return signing.sign(self.key, Purpose.BOUNCE, delivery_id)

    def compose(
        self,
        *,
        delivery_id: int,
        wave: int,
        subscriber_id: int,
        email: str,
        fields: dict[str, Any],
        date: datetime,
    ) -> bytes:
        """One person's copy, the same bytes on every attempt. Raises HeaderInjection, TemplateError."""
        identity = message_id(
            self.key, self.campaign_id, wave, subscriber_id, self.compiled.source.message_id_domain
        )
        return self.compiled.compose(
            Recipient(
                to_name="",
                to_address=email,
                values={**fields, "email": email},
                message_id=identity,
                date=date,
                track_token=signing.sign(self.key, Purpose.TRACK, delivery_id),
                unsubscribe_token=signing.sign(self.key, Purpose.SUBSCRIPTION, delivery_id),
                view_token=signing.sign(self.key, Purpose.VIEW, delivery_id),
            ),
            # Signed as of the copy's own date: another attempt is the same to the byte.
            sign=self.signer.at(date) if self.signer else None,
        )


def content_of(campaign: Campaign) -> Content:
    """The campaign's frozen content, compiled, and what signs it. Raises TemplateError, NotFound, Misconfigured."""
    revision = planning.revision(campaign.revision_id or 0)
    source = source_of(
        revision,
        site=settings.site(),
        list_=next(iter(campaign.lists), None),
        public_url=revision.public_url or config.current().public_url,
    )
    return Content(
        campaign_id=campaign.id,
        compiled=compile_content(source),
        key=settings.link_key(),
        mail_from=revision.from_email,
        language=source.language,
        signer=signer_for(revision.from_email),
    )
