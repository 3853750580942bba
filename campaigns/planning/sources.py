"""A campaign's content as the one Source from which previews, tests, sending and web view are composed."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from campaigns.audience.models import List
from campaigns.content.compiled import paths
from campaigns.content.compiled.compiling import Footer, Source
from campaigns.core import addresses, mail_addresses, mailtext, signing
from campaigns.core.i18n import language_of
from campaigns.core.signing import Purpose
from campaigns.planning.models import Campaign, Revision
from campaigns.settings.models import Site


def source_of(content: Campaign | Revision, *, site: Site, list_: List | None, public_url: str) -> Source:
    """The source of a draft or a frozen revision; `list_`: the one named in List-Id and footer."""
    host = urlsplit(public_url).hostname or "localhost"
    sender = addresses.domain_of(content.from_email)
    domain = _ascii(sender) or host
    language = list_.language if list_ else site.language
    return Source(
        subject=content.subject,
        preheader=content.preheader,
        html=content.html,
        text=content.text,
        from_name=content.from_name,
        from_address=content.from_email,
        reply_to=content.reply_to,
        list_id=f"{list_.public_id}.{domain if _is_ip(host) else host}" if list_ else None,
        list_name=list_.name if list_ else "",
        public_url=public_url,
        message_id_domain=domain,
        unsubscribe_domain=_bounce_domain(content),
        feedback_id=_feedback_id(content, list_, site),
        track_opens=content.track_opens,
        track_clicks=content.track_clicks,
        footer=footer(site, list_, language=language),
        language=language,
        share_url=paths.share_url(public_url, share_token(content, site)),
    )


def share_token(content: Campaign | Revision, site: Site) -> str:
    """The token of its message for anybody; leads nowhere for an older version, which is no campaign."""
    return signing.sign(bytes(site.link_key), Purpose.SHARE, _campaign_id(content) or 0)


def _bounce_domain(content: Campaign | Revision) -> str | None:
    """The domain whose mail is read, so that people can unsubscribe by mail to it; a draft has none yet."""
    bounces = content.bounce_address if isinstance(content, Revision) else ""
    return mail_addresses.domain_of(bounces) or None


def _feedback_id(content: Campaign | Revision, list_: List | None, site: Site) -> str:
    """`campaign:list:installation`, by which Gmail counts complaints; the last has at most 15 characters."""
    label = f"{list_.public_id}:" if list_ else ""
    return f"c{_campaign_id(content)}:{label}columba{signing.installation_name(bytes(site.link_key))}"


def _campaign_id(content: Campaign | Revision) -> int:
    return content.campaign_id if isinstance(content, Revision) else content.id


def footer(site: Site, list_: List | None, *, language: str) -> Footer:
    """The footer of an email to that list, in that language if the app speaks it."""
    name = list_.name if list_ else site.name
    words = mailtext.render("footer", language=language_of(language) or site.language, list_name=name)
    unsubscribe, preferences = words.text.splitlines()
    return Footer(
        unsubscribe=unsubscribe,
        preferences=preferences,
        reason=words.subject,
        postal_address="\n".join(part for part in (site.name, site.postal_address) if part.strip()),
    )


def _ascii(domain: str) -> str:
    """The domain in A-labels; empty for an invalid one, which the checks report."""
    try:
        return addresses.ascii_domain(domain)
    except UnicodeError:
        return ""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
