"""The mails that operators get about their accounts. Links come from the configured public URL alone."""

from __future__ import annotations

from datetime import datetime

from campaigns.accounts.models import Invitation, Operator
from campaigns.core import config, mailtext
from campaigns.notices import services as notices_services
from campaigns.notices.models import Notice


def post_invitation(
    invitation: Invitation, secret: str, *, site: str, language: str, now: datetime
) -> Notice:
    """Tell somebody that they are invited; the link shows that the address is theirs."""
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
    """Send the link by which a forgotten password is set anew."""
    link = f"{config.current().public_url}/reset/{secret}"
    text = mailtext.render("reset", language=operator.language, site=site, link=link, minutes=minutes)
    return notices_services.post(text, kind="reset", to=operator.email, now=now)


def post_password_changed(operator: Operator, *, site: str, now: datetime) -> Notice:
    """Warn the owner of an account that its password is another one now."""
    link = f"{config.current().public_url}/forgotten"
    text = mailtext.render("password_changed", language=operator.language, site=site, link=link)
    return notices_services.post(text, kind="password", to=operator.email, now=now)


def post_security_changed(operator: Operator, change: str, *, site: str, now: datetime) -> Notice:
    """Tell the owner of an account what changed about its second factor; `change` as the template names it."""
    link = f"{config.current().public_url}/profile/security"
    values = {"site": site, "link": link, "change": change}
    text = mailtext.render("security_changed", language=operator.language, **values)
    return notices_services.post(text, kind="security", to=operator.email, now=now)
