"""Output of commands: a sentence or a JSON object on standard output.

Errors are one sentence on standard error, with exit code 1.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import OperationalError, ProgrammingError

from campaigns import bootstrap
from campaigns.core.acting import Actor, acting_as
from campaigns.core.db import db
from campaigns.core.errors import DomainError

as_json = click.option("--json", "wants_json", is_flag=True, help="Print one JSON object.")


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: run with an app context and the actor, and show expected errors as a sentence with exit code 1."""

    @with_appcontext
    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        bootstrap.load_what_tables_refer_to()
        try:
            with acting_as(_actor()):
                return function(*args, **kwargs)
        except DomainError as error:
            db.session.rollback()
            raise click.ClickException(str(error)) from error
        except (OperationalError, ProgrammingError) as error:
            db.session.rollback()
            raise click.ClickException(database_sentence(error)) from error

    return guarded


def answer(values: dict[str, Any], *, wants_json: bool, sentence: str) -> None:
    """Print the values as JSON, or the sentence."""
    click.echo(json.dumps(values, ensure_ascii=False, default=str) if wants_json else sentence)


def _actor() -> Actor:
    """The actor of a command for the audit log: the user of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return Actor(f"{user} (command line)")


def secret_from_stdin(what: str = "The password") -> str:
    """The first line of standard input; raises click.ClickException if it is empty."""
    secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise click.ClickException(f"{what} is read from standard input, which was empty.")
    return secret


def database_sentence(error: Exception) -> str:
    """A sentence for a database error: what is wrong and what to do."""
    text = str(getattr(error, "orig", error))
    if "no such table" in text or "does not exist" in text:
        return "The database has no tables yet. Run: flask --app wsgi db upgrade"
    return f"The database can't be used: {text.splitlines()[0]}"
