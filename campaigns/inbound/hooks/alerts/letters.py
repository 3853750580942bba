"""The mails about alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.core import config, mailtext
from campaigns.core.i18n import translate, translate_plural
from campaigns.core.mailtext import MailText, force_locale
from campaigns.inbound.hooks.alerts.models import Alert, AlertSource
from campaigns.notices import services as notices_services
from campaigns.settings import queries as settings_queries

KIND = "monitoring"
MOST_SHOWN = 20


def post(source: AlertSource, alerts: Sequence[Alert], *, now: datetime) -> list[int]:
    """Store an urgent notice for each recipient of the source; their ids."""
    text = written(source, alerts)
    return [
        notices_services.post(text, kind=KIND, to=address, is_urgent=True, now=now).id
        for address in source.recipients
    ]


def written(source: AlertSource, alerts: Sequence[Alert]) -> MailText:
    """One mail about these alerts, those that fire first, in the site's language and time zone."""
    site = settings_queries.site()
    zone = ZoneInfo(site.time_zone)
    alerts = sorted(alerts, key=lambda each: not each.is_firing)
    with force_locale(site.language):
        paragraphs = [_paragraph(each, zone) for each in alerts[:MOST_SHOWN]]
        if others := len(alerts) - MOST_SHOWN:
            paragraphs += [translate("More alerts: %(number)s", number=others)] if others > 0 else []
        subject = _subject(alerts)
    return mailtext.render(
        "monitoring",
        language=site.language,
        subject=subject,
        paragraphs=paragraphs,
        source=source.name,
        site=site.name,
        link=f"{config.current().public_url}/alerts",
    )


def _subject(alerts: Sequence[Alert]) -> str:
    first, others = alerts[0], len(alerts) - 1
    if not first.is_firing:
        if not others:
            return translate("Resolved: %(title)s", title=first.title)
        return translate_plural(
            "Resolved: %(title)s and %(num)d more",
            "Resolved: %(title)s and %(num)d more",
            others,
            title=first.title,
        )
    if all(each.told for each in alerts if each.is_firing):
        return translate("Still firing: %(title)s", title=first.title)
    if not others:
        return translate("Firing: %(title)s", title=first.title)
    return translate_plural(
        "Firing: %(title)s and %(num)d more", "Firing: %(title)s and %(num)d more", others, title=first.title
    )


def _paragraph(alert: Alert, zone: ZoneInfo) -> str:
    moment = alert.fired_at if alert.resolved_at is None else alert.resolved_at
    time = f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    if alert.resolved_at is not None:
        return translate("Resolved at %(time)s: %(title)s", time=time, title=alert.title)
    head = translate("Firing since %(time)s: %(title)s", time=time, title=alert.title)
    return "\n".join(filter(None, (head, alert.text, alert.url)))
