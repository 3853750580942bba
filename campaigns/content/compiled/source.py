"""The input of a message: a campaign's content, and the recipient of a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.content.compiled.invitation import Invitation
from campaigns.mail.mime.parts import Part


@dataclass(frozen=True, slots=True)
class Footer:
    """Texts of the footer that is added to content without an unsubscribe link, already translated."""

    unsubscribe: str  # link text, "Unsubscribe"
    preferences: str = ""  # link text, "Choose what you get"; empty for no such link
    reason: str = ""  # "You get this email because you signed up at …"
    postal_address: str = ""


@dataclass(frozen=True)
class Source:
    """All content of a campaign. `list_id` is `label.domain`; `language` is "en" or "zh".

    Subject, preheader, HTML, text, `from_name` and `reply_to` are templates; the rest is literal. An empty `text`
    is generated from the HTML.
    """

    subject: str
    html: str
    from_address: str
    public_url: str
    message_id_domain: str
    preheader: str = ""
    text: str = ""
    from_name: str = ""
    reply_to: str | None = None
    list_id: str | None = None
    list_name: str = ""
    unsubscribe_domain: str | None = None  # in A-labels; mail to `unsub+<token>` there is read
    feedback_id: str | None = None
    track_opens: bool = True
    track_clicks: bool = True
    footer: Footer | None = None
    language: str = "en"
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()  # files that go with each copy
    invitation: Invitation | None = None
    share_url: str = ""  # of the message for anybody


class Recipient(NamedTuple):
    """The recipient of a copy: field values, and the tokens for its links."""

    to_name: str
    to_address: str
    values: Mapping[str, Any]
    message_id: str
    date: datetime
    track_token: str
    unsubscribe_token: str
    view_token: str
    leave_token: str = ""  # for the address to unsubscribe by mail


@dataclass(frozen=True, slots=True)
class Preview:
    """The rendered message as a reader sees it."""

    subject: str
    html: str
    text: str
    from_name: str = ""
    reply_to: str = ""
