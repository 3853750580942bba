"""Test messages: a draft sent to a few addresses, with the server's reply as a sentence."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from campaigns.audience.models import Subscriber
from campaigns.audit import services as audit_services
from campaigns.content.compiled.compiling import Recipient, compile_content
from campaigns.content.compiled.source import Source
from campaigns.core import addresses, config, signing
from campaigns.core.errors import Invalid, Misconfigured
from campaigns.core.i18n import _
from campaigns.core.signing import Purpose
from campaigns.mail import smtp
from campaigns.planning import previews, queries
from campaigns.planning.attachments import queries as attachment_queries
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries
from campaigns.settings import services as settings_services
from campaigns.settings.domains.signing import sign_from

MARK = "[Test] "
MOST_ADDRESSES = 10
# Not the id of any delivery: links of a test message show a polite page and change nothing.
NOBODY = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """Composed test messages and their server. Sending them needs no database."""

    server: smtp.Server
    server_name: str
    envelopes: Sequence[smtp.Envelope]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result for one test message."""

    is_accepted: bool
    sentence: Any


def read_addresses(text: str) -> list[str]:
    """The addresses in a text, each once; raises Invalid if there are none, too many or bad ones."""
    found: dict[str, None] = {}
    for part in re.split(r"[\s,;]+", text.strip()):
        try:
            found.setdefault(addresses.clean(part))
        except (addresses.BadAddress, UnicodeError) as error:
            raise Invalid(
                _("Enter addresses like name@example.com, with commas between."), field="to"
            ) from error
    if len(found) > MOST_ADDRESSES:
        raise Invalid(_("Send to at most %(number)d addresses.", number=MOST_ADDRESSES), field="to")
    return list(found)


def prepare(campaign: Campaign, *, to: Sequence[str], person: Subscriber | None, now: datetime) -> Prepared:
    """Compose the draft for that person, untracked; raises Invalid or Misconfigured."""
    server = queries.server_of(campaign)
    if server is None:
        raise Misconfigured(_("No sending server yet. Add one in Settings."))
    site = settings_queries.site()
    list_ = next(iter(campaign.lists), None)
    language, url = person.language if person else None, config.current().public_url
    source = language_queries.source_for(campaign, language, site=site, list_=list_, public_url=url)
    source = replace(source, subject=MARK + source.subject)
    audit_services.record("campaign.tested", campaign.name, emails=len(to), now=now)
    messages = _composed(campaign, source, to=to, person=person, now=now)
    envelopes = [
        smtp.Envelope(key=number, mail_from=campaign.from_email, rcpt_to=address, message=message)
        for number, (address, message) in enumerate(messages.items())
    ]
    return Prepared(settings_services.connection(server), server.name, envelopes)


def printed(campaign: Campaign, person: Subscriber, *, part: str, now: datetime) -> bytes:
    """What that person would get, on record as a preview: `html`, `text` or `source`, the complete message.

    Raises ContentError or Invalid for a draft that can't be sent.
    """
    audit_services.record_view(previews.view_of(campaign), now=now)
    if part == "source":
        return source_of(campaign, person, now=now)
    shown = previews.render(campaign, person)
    return (shown.text if part == "text" else shown.html).encode()


def source_of(campaign: Campaign, person: Subscriber, *, now: datetime) -> bytes:
    """The complete message as it would go to that person, with links that are not tracked.

    Raises ContentError or Invalid for a draft that can't be sent.
    """
    source = language_queries.source_for(
        campaign,
        person.language,
        site=settings_queries.site(),
        list_=next(iter(campaign.lists), None),
        public_url=config.current().public_url,
    )
    return _composed(campaign, source, to=[person.email], person=person, now=now)[person.email]


def _composed(
    campaign: Campaign, source: Source, *, to: Sequence[str], person: Subscriber | None, now: datetime
) -> dict[str, bytes]:
    """The message for each address, untracked."""
    whole = attachment_queries.with_files({"": source}, campaign)[""]
    compiled = compile_content(replace(whole, track_opens=False, track_clicks=False))
    key, sign = settings_queries.link_key(), sign_from(campaign.from_email, now)
    return {
        address: compiled.compose(
            Recipient(
                to_name="",
                to_address=address,
                values=queries.values_of(person) if person else {"email": address},
                message_id=f"<{secrets.token_hex(16)}@{source.message_id_domain}>",
                date=now,
                track_token=signing.sign(key, Purpose.TRACK, NOBODY),
                unsubscribe_token=signing.sign(key, Purpose.SUBSCRIPTION, NOBODY),
                view_token=signing.sign(key, Purpose.VIEW, NOBODY),
            ),
            sign=sign,
        )
        for address in to
    }


def send(prepared: Prepared) -> list[Answer]:
    """Send the messages one by one; failures of the server are in the answers, not raised."""
    server = replace(prepared.server, timeouts=smtp.AT_A_PAGE, connections=1)
    answers = []
    for envelope in prepared.envelopes:
        result = smtp.deliver(server, envelope)
        answers.append(Answer(result.outcome is smtp.Outcome.ACCEPTED, _sentence(result, envelope, prepared)))
    return answers


def _sentence(result: smtp.Result, envelope: smtp.Envelope, prepared: Prepared) -> Any:
    said = str(result.reply) if result.reply else result.text
    facts = {"address": envelope.rcpt_to, "server": prepared.server_name, "said": said}
    if result.outcome is smtp.Outcome.ACCEPTED:
        return _("%(server)s accepted the test email to %(address)s: %(said)s", **facts)
    if result.outcome is smtp.Outcome.REFUSED:
        return _("%(server)s rejected the test email to %(address)s: %(said)s", **facts)
    if result.outcome is smtp.Outcome.IN_DOUBT:
        return _("%(server)s didn't confirm the test email to %(address)s. It may still arrive.", **facts)
    return _("Could not send the test email to %(address)s through %(server)s: %(said)s", **facts)
