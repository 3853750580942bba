"""Composes a lane's messages from a frozen revision, compiled once, and each recipient's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from campaigns.content.compiled.compiling import Compiled, compile_all
from campaigns.content.compiled.source import Recipient
from campaigns.content.language.merge_text import ContentError
from campaigns.core import config, mail_addresses
from campaigns.core.signing import Purpose, Signing
from campaigns.delivery.sender.store import Copy
from campaigns.mail.dkim import Signer
from campaigns.mail.headers import HeaderInjection
from campaigns.planning import queries as planning_queries
from campaigns.planning.attachments import queries as attachment_queries
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.languages.choice import best
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries
from campaigns.settings.domains.signing import signer_for

Unmade = ContentError | HeaderInjection | ValueError


@dataclass(frozen=True)
class Content:
    """A compiled revision, ready to compose for any recipient."""

    campaign_id: int
    compiled: Compiled
    key: bytes
    from_email: str
    bounce_address: str  # as `core.mail_addresses` says; empty: bounces go to `from_email`
    language: str
    signer: Signer | None = None
    translated: Mapping[str, Compiled] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host name of our links, and the name in EHLO, whichever host sends."""
        return urlsplit(self.compiled.source.public_url).hostname or "localhost"

    @property
    def needs_fields(self) -> bool:
        """Whether composing needs any field of the person except the address."""
        every = [self.compiled, *self.translated.values()]
        return any(each.fields - {"email"} for each in every)

    @property
    def needs_language(self) -> bool:
        """Whether what a person gets depends on their language."""
        return bool(self.translated)

    def ways_back(self, delivery_id: int) -> tuple[str, str]:
        """MAIL FROM and ENVID (RFC 3461 section 4.4): a bounce comes with one of them at least, and both
        lead to the delivery, but only with the key.
        """
        token = self._signing.local(Purpose.BOUNCE, delivery_id)
        if not self.bounce_address:
            return self.from_email, token
        return mail_addresses.with_token(self.bounce_address, token), token

    @cached_property
    def _signing(self) -> Signing:
        return Signing(
            self.key,
            links=(Purpose.TRACK, Purpose.SUBSCRIPTION, Purpose.VIEW),
            local=(Purpose.BOUNCE, Purpose.MESSAGE, Purpose.UNSUBSCRIBE),
        )

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
        # Of the delivery alone, so that it is the same on each attempt, and leads back when it is returned.
        name = self._signing.local(Purpose.MESSAGE, number)
        compiled = self._compiled_for(copy)
        track, subscription = self._signing.links((Purpose.TRACK, Purpose.SUBSCRIPTION), number)
        view = self._signing.links((Purpose.VIEW,), number)[0] if compiled.has_view else ""
        recipient = Recipient(
            to_name="",
            to_address=copy.email,
            values={**copy.fields, "email": copy.email},
            message_id=f"<{name}@{self.compiled.source.message_id_domain}>",
            date=copy.facts.started_at,
            track_token=track,
            unsubscribe_token=subscription,
            view_token=view,
            leave_token=self._leave_token(number),
        )
        try:
            return compiled.compose(recipient)
        except (ContentError, HeaderInjection, ValueError) as error:
            return error

    def _compiled_for(self, copy: Copy) -> Compiled:
        if not self.translated:
            return self.compiled
        return self.translated.get(best(copy.language, self.translated) or "", self.compiled)

    def _leave_token(self, number: int) -> str:
        if not self.compiled.source.unsubscribe_domain:
            return ""
        return self._signing.local(Purpose.UNSUBSCRIBE, number)


def content_of(campaign: Campaign) -> Content:
    """The campaign's frozen content and its signer. Raises ContentError, NotFound, Misconfigured."""
    revision = planning_queries.revision(campaign.revision_id or 0)
    sources = language_queries.sources_of(
        revision,
        site=settings_queries.site(),
        list_=next(iter(campaign.lists), None),
        public_url=revision.public_url or config.current().public_url,
    )
    compiled = compile_all(attachment_queries.with_files(sources, revision))
    own = compiled[""]
    return Content(
        campaign_id=campaign.id,
        compiled=own,
        translated={language: each for language, each in compiled.items() if language},
        key=settings_queries.link_key(),
        from_email=revision.from_email,
        bounce_address=revision.bounce_address,
        language=own.source.language,
        signer=signer_for(revision.from_email),
    )
