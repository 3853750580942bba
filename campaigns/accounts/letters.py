"""Emails to operators about their accounts. Links use the configured PUBLIC_URL, never the Host header."""

from __future__ import annotations

from datetime import datetime

from campaigns.accounts.models import Invitation, Operator
from campaigns.core import config, mailtext
from campaigns.notices import services as notices_services
from campaigns.notices.models import Notice


def post_invitation(
    invitation: Invitation, secret: str, *, site: str, language: str, now: datetime
) -> Notice:
    """A notice with the invitation's link; whoever opens it has proven to own the address."""
    text = mailtext.render(
        "invitation",
        language=language,
        site=site,
        by=invitation.invited_by.display_name if invitation.invited_by else site,
        link=f"{config.current().public_url}/invitations/{secret}",
        days=(invitation.expires_at - now).days,
    )
    return notices_services.post(text, kind="invitation", to=invitation.email or "", now=now)


def post_reset(operator: Operator, secret: str, *, site: str, minutes: int, now: datetime) -> Notice:
    """A notice with the link that sets a new password; `minutes` is how long it works."""
    link = f"{config.current().public_url}/reset/{secret}"
    text = mailtext.render("reset", language=operator.language, site=site, link=link, minutes=minutes)
    return notices_services.post(text, kind="reset", to=operator.email, now=now)


def post_password_changed(operator: Operator, *, site: str, now: datetime) -> Notice:
    """A notice that the account's password was changed."""
    link = f"{config.current().public_url}/forgotten"
    text = mailtext.render("password_changed", language=operator.language, site=site, link=link)
    return notices_services.post(text, kind="password", to=operator.email, now=now)


def post_security_changed(operator: Operator, change: str, *, site: str, now: datetime) -> Notice:
    """A notice that the account's second factor changed; `change` is a word of the template."""
    link = f"{config.current().public_url}/profile/security"
    values = {"site": site, "link": link, "change": change}
    text = mailtext.render("security_changed", language=operator.language, **values)
    return notices_services.post(text, kind="security", to=operator.email, now=now)
