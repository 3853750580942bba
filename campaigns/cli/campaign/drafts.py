"""`flask campaign create`, `schedule` and `unschedule`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from campaigns.audience import queries as audience_queries
from campaigns.audience.segments import queries as segment_queries
from campaigns.cli.campaign.output import answer_for, fresh
from campaigns.cli.campaign.sources import FILE, content_of
from campaigns.cli.output import as_json, command
from campaigns.content.templates import queries as template_queries
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.planning import queries as planning_queries
from campaigns.planning import services
from campaigns.planning.attachments import services as attachment_services
from campaigns.settings import queries as settings_queries
from campaigns.settings import senders


@click.command("create")
@click.option("--name", required=True)
@click.option("--subject", required=True)
@click.option("--from", "from_", required=True, help='Sender, such as "The Pigeon Post <news@example.org>".')
@click.option("--list", "list_names", required=True, multiple=True)
@click.option(
    "--segment",
    "segment_names",
    multiple=True,
    help="Only people in this segment; repeatable, one is enough.",
)
@click.option(
    "--exclude-segment",
    "excluded_segments",
    multiple=True,
    help="Leave out people in this segment; repeatable.",
)
@click.option(
    "--exclude-list", "excluded_lists", multiple=True, help="Leave out people on this list; repeatable."
)
@click.option("--html", "html_file", type=FILE, help="What is written, as HTML.")
@click.option("--document", "document_file", type=FILE, help="The same as a document of blocks (JSON).")
@click.option("--mjml", "mjml_file", type=FILE, help="The same as MJML, of which HTML is made.")
@click.option("--markdown", "markdown_file", type=FILE, help="The same as Markdown.")
@click.option("--text", "text_file", type=FILE, help="The text part; alone, a plain-text email.")
@click.option("--layout", "layout_id", type=int, help="The number of a template that is a layout around it.")
@click.option(
    "--attach", "attached", type=FILE, multiple=True, help="A file that goes with each email; repeatable."
)
@click.option("--attach-images", is_flag=True, help="Have images of the library go with each email.")
@click.option("--from-name", help="Shown instead of the sender's name; merge tags can stand in it.")
@click.option("--preheader", default="")
@click.option("--reply-to")
@click.option(
    "--bounce-address",
    help="Set where the sender's bounces go: bounce@example.org (each email's own address, after a plus), "
    '@bounce.example.org (the same at a subdomain), or "" (the sender\'s address).',
)
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
    segment_names: tuple[str, ...],
    excluded_segments: tuple[str, ...],
    excluded_lists: tuple[str, ...],
    html_file: Path | None,
    document_file: Path | None,
    mjml_file: Path | None,
    markdown_file: Path | None,
    text_file: Path | None,
    layout_id: int | None,
    attached: tuple[Path, ...],
    attach_images: bool,
    from_name: str | None,
    preheader: str,
    reply_to: str | None,
    bounce_address: str | None,
    server_name: str | None,
    window: str | None,
    wants_json: bool,
) -> None:
    """Create a draft."""
    now = clock.now()
    files = {"html": html_file, "document": document_file, "mjml": mjml_file, "markdown": markdown_file}
    content = content_of(files, text=text_file)
    sender = senders.find_or_create_sender(from_, now=now)
    if bounce_address is not None:
        senders.set_bounce_address(sender, bounce_address)
    made = services.create_campaign(
        name=name,
        subject=subject,
        preheader=preheader,
        from_name=from_name or sender.name,
        from_email=sender.email,
        reply_to=reply_to,
        lists=[audience_queries.list_by_name(each) for each in list_names],
        segments=[segment_queries.segment_by_name(each) for each in segment_names],
        excluded_segments=[segment_queries.segment_by_name(each) for each in excluded_segments],
        excluded_lists=[audience_queries.list_by_name(each) for each in excluded_lists],
        **content,
        layout=template_queries.template(layout_id) if layout_id else None,
        server=settings_queries.server_by_name(server_name) if server_name else None,
        sending_hours=window,
        now=now,
    )
    if attach_images:
        attachment_services.set_attach_images(made, is_on=True, now=now)
    for each in attached:
        attachment_services.add(made, each.name, each.read_bytes(), now=now)
    db.session.commit()
    answer_for(made, wants_json=wants_json, sentence=f"Created campaign {made.id} as a draft.")


@click.command("schedule")
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
    made = fresh(campaign_id)
    sentence = f"Campaign {campaign_id} is scheduled for {moment.isoformat(timespec='minutes')}."
    if not at:
        undo = f" Undo: campaign unschedule {campaign_id}" if grace else ""
        sentence = f"Campaign {campaign_id} is sent in {grace} seconds.{undo}"
    answer_for(made, wants_json=wants_json, sentence=sentence)


@click.command("unschedule")
@click.argument("campaign_id", type=int)
@as_json
@command
def unschedule(campaign_id: int, wants_json: bool) -> None:
    """Take a scheduled campaign back to its draft; nothing is sent."""
    services.unschedule(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    sentence = f"Campaign {campaign_id} is a draft again. No emails were sent."
    answer_for(fresh(campaign_id), wants_json=wants_json, sentence=sentence)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.ClickException(
            f"--at {text!r} isn't a time. Use the format 2026-12-01T09:00+01:00."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
