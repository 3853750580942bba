"""The job that sends a notice, an email of the app itself."""

from __future__ import annotations

from campaigns.core import addresses, clock, config, signing
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _
from campaigns.core.mailtext import force_locale
from campaigns.mail import smtp
from campaigns.mail.headers import HeaderInjection
from campaigns.mail.message import build_notice
from campaigns.mail.replies import classify
from campaigns.mail.smtp import Envelope, Outcome, Phase, Reply, Result
from campaigns.notices import services
from campaigns.notices.models import Notice
from campaigns.settings import queries as settings_queries
from campaigns.settings import services as settings_services
from campaigns.settings import sharing
from campaigns.settings.domains.signing import sign_from
from campaigns.settings.models import Server

MOST_TRIED = 3


def send_notice(notice_id: int) -> None:
    """Send a waiting notice and record the result; only one worker sends it."""
    notice = services.take(notice_id, now=clock.now())
    db.session.commit()
    if notice is None:
        return
    result = _delivered(notice)
    if result.outcome is Outcome.ACCEPTED:
        services.record_sent(notice, now=clock.now())
    else:
        is_final = result.outcome is Outcome.UNSENDABLE or (
            result.outcome is Outcome.REFUSED and classify(result.phase, result.reply).is_final
        )
        said = str(result.reply or result.text)
        services.record_failure(notice, said, is_final=is_final, now=clock.now())
    db.session.commit()


def _delivered(notice: Notice) -> Result:
    """An urgent one goes over the next server if the first doesn't take it."""
    try:
        connections, envelope = _prepared(notice)
    except Misconfigured as error:
        with force_locale(settings_queries.site().language):  # no request, so no reader's language
            return Result(notice.id, Outcome.NOT_SENT, Phase.CONNECT, None, str(error))
    except (HeaderInjection, ValueError) as error:
        return Result(notice.id, Outcome.UNSENDABLE, Phase.MAIL, Reply(550, str(error)), str(error))
    finally:
        db.session.commit()  # no transaction stays open while the server takes its time
    for connection in connections[:-1]:
        result = _over(connection, envelope, notice)
        if result.outcome in (Outcome.ACCEPTED, Outcome.IN_DOUBT, Outcome.UNSENDABLE):
            return result
    return _over(connections[-1], envelope, notice)


def _over(connection: smtp.Server, envelope: Envelope, notice: Notice) -> Result:
    result = smtp.deliver(connection, envelope)
    if notice.has_null_path and result.outcome is Outcome.REFUSED and result.phase is Phase.MAIL:
        # Some providers take no mail without a return path.
        return smtp.deliver(connection, envelope._replace(mail_from=_from(notice)[1]))
    return result


def _prepared(notice: Notice) -> tuple[list[smtp.Server], Envelope]:
    name, sender = _from(notice)
    servers = _servers(notice, addresses.domain_of(sender))
    if not servers:
        raise Misconfigured(_("No sending server. Add one first."))
    message = build_notice(
        from_=(name, sender),
        to=notice.to_address,
        subject=notice.subject,
        text=notice.text,
        message_id=f"<{_number(notice)}@{addresses.ascii_domain(addresses.domain_of(sender))}>",
        date=notice.created_at,
        more=notice.headers or {},
        attached=services.attachment_of(notice),
        sign=sign_from(sender, notice.created_at),
    )
    path = "" if notice.has_null_path else sender
    envelope = Envelope(notice.id, path, notice.to_address, message)
    return [settings_services.connection(server) for server in servers], envelope


def _number(notice: Notice) -> str:
    """The same in each attempt: a second copy, after an answer that was lost, is known as one."""
    return signing.address_key(
        settings_queries.link_key(), f"notice:{notice.id}:{notice.created_at.timestamp()}"
    )


def _servers(notice: Notice, domain: str) -> list[Server]:
    """Over which one it goes; for an urgent one, and over which next."""
    if notice.is_urgent:
        return sharing.fastest(domain, now=clock.now())[:MOST_TRIED]
    server = sharing.for_own_mail(domain, now=clock.now())
    return [server] if server else []


def _from(notice: Notice) -> tuple[str, str]:
    """The notice's From: its own sender, else the site's, else an address at the host."""
    if notice.from_address:
        return notice.from_name or "", notice.from_address
    site = settings_queries.site()
    known = settings_queries.own_sender()
    if known is not None:
        return notice.from_name or known.name or site.name, known.email
    host = config.current().public_host
    return notice.from_name or site.name, f"no-reply@{host if '.' in host else 'localhost.localdomain'}"
