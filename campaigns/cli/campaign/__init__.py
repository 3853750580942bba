"""`flask campaign …`"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from campaigns.audience import queries as audience_queries
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery import services as delivery_services
from campaigns.delivery.ledger import staging
from campaigns.delivery.progress import explanations
from campaigns.planning import queries as planning_queries
from campaigns.planning import services
from campaigns.planning.models import Campaign, PauseReason
from campaigns.reports import queries as reports_queries
from campaigns.settings import queries as settings_queries
from campaigns.settings import senders

LARGEST_FILE_BYTES = 512 * 1024


@click.group("campaign")
def campaign() -> None:
    """Emails to lists."""


@campaign.command("create")
@click.option("--name", required=True)
@click.option("--subject", required=True)
@click.option("--from", "from_", required=True, help='Sender, such as "The Pigeon Post <news@example.org>".')
@click.option("--list", "list_names", required=True, multiple=True)
@click.option(
    "--html", "html_file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--text", "text_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preheader", default="")
@click.option("--reply-to")
@click.option("--server", "server_name", help="Sending server; the default server if omitted.")
@click.option(
    "--window", help='Sending hours, such as "mon-fri 09:00-17:00 Europe/Vienna"; no limit if omitted.'
)
@as_json
@command
def create(
    name: str,
    subject: str,
    from_: str,
    list_names: tuple[str, ...],
    html_file: Path,
    text_file: Path | None,
    preheader: str,
    reply_to: str | None,
    server_name: str | None,
    window: str | None,
    wants_json: bool,
) -> None:
    """Create a draft."""
    now = clock.now()
    sender = senders.find_or_create_sender(from_, now=now)
    made = services.create_campaign(
        name=name,
        subject=subject,
        preheader=preheader,
        from_name=sender.name,
        from_email=sender.email,
        reply_to=reply_to,
        lists=[audience_queries.list_by_name(each) for each in list_names],
        html=_read(html_file),
        text=_read(text_file) if text_file else "",
        server=settings_queries.server_by_name(server_name) if server_name else None,
        sending_hours=window,
        now=now,
    )
    db.session.commit()
    _answer(made, wants_json=wants_json, sentence=f"Created campaign {made.id} as a draft.")


@campaign.command("schedule")
@click.argument("campaign_id", type=int)
@click.option("--at", help="ISO 8601, such as 2026-12-01T09:00+01:00; now if omitted.")
@click.option(
    "--grace",
    type=click.IntRange(0, 3600),
    default=int(services.GRACE.total_seconds()),
    show_default=True,
    help="Without --at: seconds in which `campaign unschedule` undoes it; 0 sends at once.",
)
@as_json
@command
def schedule(campaign_id: int, at: str | None, grace: int, wants_json: bool) -> None:
    """Schedule a draft, or send it after a minute in which that can be undone."""
    now = clock.now()
    moment = _moment(at) if at else now + timedelta(seconds=grace)
    services.schedule(planning_queries.campaign(campaign_id), at=moment, now=now)
    db.session.commit()
    queue.nudge()
    made = _fresh(campaign_id)
    sentence = f"Campaign {campaign_id} is scheduled for {moment.isoformat(timespec='minutes')}."
    if not at:
        undo = f" Undo: campaign unschedule {campaign_id}" if grace else ""
        sentence = f"Campaign {campaign_id} is sent in {grace} seconds.{undo}"
    _answer(made, wants_json=wants_json, sentence=sentence)


@campaign.command("unschedule")
@click.argument("campaign_id", type=int)
@as_json
@command
def unschedule(campaign_id: int, wants_json: bool) -> None:
    """Take a scheduled campaign back to its draft; nothing is sent."""
    services.unschedule(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    sentence = f"Campaign {campaign_id} is a draft again. No emails were sent."
    _answer(_fresh(campaign_id), wants_json=wants_json, sentence=sentence)


@campaign.command("status")
@click.argument("campaign_id", type=int)
@as_json
@command
def status(campaign_id: int, wants_json: bool) -> None:
    """Progress of a campaign: recipients by status, opens, clicks, unsubscribes, and why it is not sending."""
    found = planning_queries.campaign(campaign_id)
    counts = delivery_queries.counts(campaign_id)
    figures = reports_queries.figures([campaign_id])[campaign_id]
    values: dict[str, object] = {
        "id": found.id,
        "status": found.status.value,
        "audience": counts.audience,
        "states": counts.by_word,
        "opens": figures.opens,
        "clicks": figures.clicks,
        "unsubscribes": figures.unsubscribes,
    }
    why = explanations.explanation_of(found, now=clock.now())
    values["why"] = why and {
        "code": why.code,
        "sentence": why.text,
        "until": why.until and why.until.isoformat(),
        "server": why.server or None,
    }
    if found.pause_reason:
        values["pause_reason"] = found.pause_reason.value
        values["pause_detail"] = found.pause_detail
    states = (
        ", ".join(f"{number} {word}" for word, number in counts.by_word.items() if number)
        or "no recipients yet"
    )
    answer(
        values,
        wants_json=wants_json,
        sentence=f"{found.status.value}: {states}; "
        f"{figures.opens} opened, {figures.clicks} clicked, {figures.unsubscribes} unsubscribed."
        + (f"\n{why.text}" if why else ""),
    )


@campaign.command("pause")
@click.argument("campaign_id", type=int)
@as_json
@command
def pause(campaign_id: int, wants_json: bool) -> None:
    """Pause a campaign that is sending."""
    delivery_services.pause(
        planning_queries.campaign(campaign_id), reason=PauseReason.OPERATOR, detail=None, now=clock.now()
    )
    db.session.commit()
    _answer(_fresh(campaign_id), wants_json=wants_json, sentence=f"Campaign {campaign_id} paused.")


@campaign.command("resume")
@click.argument("campaign_id", type=int)
@as_json
@command
def resume(campaign_id: int, wants_json: bool) -> None:
    """Resume a paused campaign: it sends to the remaining recipients."""
    delivery_services.resume(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    queue.nudge()
    _answer(_fresh(campaign_id), wants_json=wants_json, sentence=f"Campaign {campaign_id} resumed.")


@campaign.command("cancel")
@click.argument("campaign_id", type=int)
@as_json
@command
def cancel(campaign_id: int, wants_json: bool) -> None:
    """Cancel a campaign: the remaining recipients get nothing."""
    delivery_services.cancel(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    _answer(_fresh(campaign_id), wants_json=wants_json, sentence=f"Campaign {campaign_id} cancelled.")


@campaign.command("unsuppress")
@click.argument("campaign_id", type=int)
@as_json
@command
def unsuppress(campaign_id: int, wants_json: bool) -> None:
    """Undo the suppressions that its bounces caused, pending ones too."""
    found = planning_queries.campaign(campaign_id)
    undone = staging.undo(campaign_id, now=clock.now())
    db.session.commit()
    values = {"id": found.id, "lifted": undone.suppressed, "unstaged": undone.staged}
    answer(
        values,
        wants_json=wants_json,
        sentence=f"Campaign {campaign_id}: {undone.suppressed} suppressions removed, "
        f"{undone.staged} pending ones dropped.",
    )


def _fresh(campaign_id: int) -> Campaign:
    db.session.expire_all()
    return planning_queries.campaign(campaign_id)


def _answer(found: Campaign, *, wants_json: bool, sentence: str) -> None:
    values = {
        "id": found.id,
        "status": found.status.value,
        "send_at": found.send_at and found.send_at.isoformat(),
    }
    answer(values, wants_json=wants_json, sentence=sentence)


def _read(file: Path) -> str:
    if file.stat().st_size > LARGEST_FILE_BYTES:
        raise click.ClickException(f"{file} is larger than 512 KB: email clients clip such emails.")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8. Save it as UTF-8 and try again.") from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.ClickException(
            f"--at {text!r} isn't a time. Use the format 2026-12-01T09:00+01:00."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
