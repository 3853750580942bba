"""`flask mailbox …`: create, list, test, read and delete mailboxes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from campaigns.cli.output import answer, as_json, command, secret_from_stdin
from campaigns.cli.servers import oauth2_from_stdin, secret_options, trust_options, warn_if_unverified
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.delivery.ledger import database_clock
from campaigns.inbound.effects import handling
from campaigns.inbound.mailboxes import leases, queries, services, trial
from campaigns.inbound.mailboxes.leases import Hold, LostLease
from campaigns.inbound.mailboxes.protocols.session import MailboxError
from campaigns.inbound.mailboxes.reader import Reading, read_held
from campaigns.inbound.mailboxes.services import Settings
from campaigns.inbound.mailboxes.stored import Effects
from campaigns.inbound.models import Mailbox, Protocol
from campaigns.inbound.rules import meeting
from campaigns.inbound.rules import services as rules_services
from campaigns.inbound.troubles import said
from campaigns.mail.security import Security
from campaigns.settings.trust import read_authorities

EFFECTS = Effects(meeting.handle, meeting.handle_some, handling.settle)
WAIT_S = 200.0  # how long to wait for a worker that is reading the mailbox
BETWEEN_S = 0.2


@click.group("mailbox")
def mailbox() -> None:
    """Mailboxes in which bounces, complaints and replies arrive."""


@mailbox.command("create")
@click.argument("name")
@click.option("--protocol", required=True, type=click.Choice([each.value for each in Protocol]))
@click.option("--host", required=True)
@click.option("--port", required=True, type=click.IntRange(1, 65535))
@click.option("--security", required=True, type=click.Choice([each.value for each in Security]))
@click.option("--username", required=True)
@secret_options
@click.option("--folder", default="INBOX", show_default=True, help="The folder to read (IMAP).")
@click.option("--keep", is_flag=True, help="Leave messages on the server; otherwise they are deleted.")
@click.option("--move-to", default=None, help="Move read messages to this folder instead of deleting (IMAP).")
@trust_options
@as_json
@command
def create(
    name: str,
    protocol: str,
    host: str,
    port: int,
    security: str,
    username: str,
    password_stdin: bool,
    oauth2_token_url: str,
    client_id: str,
    scope: str,
    oauth2_stdin: bool,
    folder: str,
    keep: bool,
    move_to: str | None,
    ca_file: Path | None,
    verifies: bool | None,
    wants_json: bool,
) -> None:
    """Create a mailbox; it is read from now on."""
    if bool(oauth2_token_url) != oauth2_stdin or oauth2_stdin == password_stdin:
        raise click.ClickException(
            "Add --password-stdin, or --oauth2-token-url and --oauth2-stdin to sign in with OAuth 2."
        )
    made = services.create_mailbox(
        Settings(
            name=name,
            protocol=Protocol(protocol),
            host=host,
            port=port,
            security=Security(security),
            username=username,
            password=secret_from_stdin() if password_stdin else None,
            folder=folder,
            keeps=keep,
            done_folder=move_to,
            verify_certificate=verifies is not False,
            authorities=read_authorities(ca_file) if ca_file else None,
            signs_in=oauth2_from_stdin(oauth2_token_url, client_id, scope) if oauth2_stdin else None,
        ),
        now=clock.now(),
    )
    db.session.commit()
    warn_if_unverified(made)
    answer(
        _values(made),
        wants_json=wants_json,
        sentence=f"Created mailbox {made.name} ({made.host}:{made.port}).",
    )


@mailbox.command("list")
@as_json
@command
def list_all(wants_json: bool) -> None:
    """List mailboxes and how they are."""
    found = queries.mailboxes()
    lines = [
        f"{each.name}  {each.host}:{each.port}  {each.health}  {each.error_text}".rstrip() for each in found
    ]
    answer(
        {"mailboxes": [_values(each) for each in found]},
        wants_json=wants_json,
        sentence="\n".join(lines) or "No mailboxes.",
    )


@mailbox.command("test")
@click.argument("name")
@as_json
@command
def test(name: str, wants_json: bool) -> None:
    """Sign in to a mailbox and count its messages; changes nothing."""
    found = queries.mailbox_by_name(name)
    try:
        prepared = trial.prepared(found)
    except MailboxError as error:
        raise click.ClickException(said(error.stored)) from error
    db.session.commit()
    result = trial.run(*prepared)
    services.record_trial(queries.mailbox_by_name(name), error=result.error, now=clock.now())
    db.session.commit()
    if result.error:
        raise click.ClickException(result.error_text)
    sentence = f"Signed in to {name}. Messages there: {result.count}."
    answer({"name": name, "messages": result.count}, wants_json=wants_json, sentence=sentence)


@mailbox.command("read")
@click.argument("name")
@as_json
@command
def read(name: str, wants_json: bool) -> None:
    """Read a mailbox now and handle what is in it."""
    found = queries.mailbox_by_name(name)
    mailbox_id = found.id
    services.note_reading(found)
    db.session.commit()
    done = Reading(has_more=True)
    while done.has_more:
        hold = _hold(mailbox_id, name)
        try:
            done.add(read_held(hold, EFFECTS, now=database_clock.measured()))
        except MailboxError as error:
            raise click.ClickException(said(error.stored)) from error
        except LostLease as error:
            raise click.ClickException(f"Another process reads {name} by now.") from error
    answer(
        {"mailbox": name, **done.values},
        wants_json=wants_json,
        sentence=f"Messages read from {name}: {done.read}.",
    )


@mailbox.command("delete")
@click.argument("name")
@as_json
@command
def delete(name: str, wants_json: bool) -> None:
    """Delete a mailbox; what was read from it stays."""
    rules_services.delete_mailbox(queries.mailbox_by_name(name))
    db.session.commit()
    answer({"deleted": name}, wants_json=wants_json, sentence=f"Deleted mailbox {name}.")


def _hold(mailbox_id: int, name: str) -> Hold:
    """Claim the mailbox, after other processes have stopped reading it."""
    until = time.monotonic() + WAIT_S
    while True:
        hold = leases.take(mailbox_id, seconds=config.current().lease_s)
        db.session.commit()
        if hold is not None:
            return hold
        if time.monotonic() > until:
            raise click.ClickException(f"Another process reads {name}. Try again later.")
        services.ask_for(mailbox_id, now=clock.now())
        db.session.commit()
        time.sleep(BETWEEN_S)


def _values(found: Mailbox) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "protocol": found.protocol.value,
        "host": found.host,
        "port": found.port,
        "security": found.security.value,
        "username": found.username,
        "folder": found.folder,
        "keeps": found.keeps,
        "health": found.health,
        "last_read_at": found.last_read_at,
        "error": found.error_text,
    }
