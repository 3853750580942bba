"""`flask mailbox …`"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from campaigns.cli.output import answer, as_json, command, secret_from_stdin
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
from campaigns.settings.oauth import OAuth2
from campaigns.settings.trust import read_authorities

EFFECTS = Effects(meeting.handle, meeting.handle_some, handling.settle)
WAIT_S = 200.0  # for a worker that reads it already
BETWEEN_S = 0.2
UNVERIFIED = (
    "Warning: its certificate is not checked. Somebody in between can read the password and the mails; "
    "with --ca-file nobody can."
)


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
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--oauth2-token-url", default="", help="Sign in with OAuth 2: the token URL.")
@click.option("--client-id", default="")
@click.option("--scope", default="")
@click.option(
    "--oauth2-stdin",
    is_flag=True,
    help="Read the refresh token and the client secret from standard input, one per line.",
)
@click.option("--folder", default="INBOX", show_default=True, help="The folder to read (IMAP).")
@click.option("--keep", is_flag=True, help="Leave messages on the server; otherwise they are deleted.")
@click.option("--move-to", default=None, help="Move read messages to this folder instead of deleting (IMAP).")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    help="CA certificates (PEM) to trust instead of the system's; stored with its settings.",
)
@click.option(
    "--verify/--no-verify",
    "verifies",
    default=True,
    help="Verify the server's certificate. Without it, attackers on the network can read everything.",
)
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
    verifies: bool,
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
            verify_certificate=verifies,
            authorities=read_authorities(ca_file) if ca_file else None,
            signs_in=_oauth2(oauth2_token_url, client_id, scope) if oauth2_stdin else None,
        ),
        now=clock.now(),
    )
    db.session.commit()
    if made.security is not Security.NONE and not made.verify_certificate:
        click.echo(UNVERIFIED, err=True)
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
    """The mailbox, once no other process reads it."""
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


def _oauth2(token_url: str, client_id: str, scope: str) -> OAuth2:
    """The refresh token stands in the first line, the client secret, where there is one, in the second."""
    refresh_token = secret_from_stdin("The refresh token")
    client_secret = sys.stdin.readline().strip()
    return OAuth2(token_url, client_id, client_secret, refresh_token, scope)


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
