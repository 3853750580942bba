"""`flask inbound …`: classify emails in files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click

from campaigns.inbound.reading import limits
from campaigns.inbound.verdicts.classify import classify
from campaigns.inbound.verdicts.verdict import Verdict

_STDIN = "-"
_CHUNK = 1_000_000  # bytes
_ONE = (".eml", ".msg", ".email", ".txt")  # suffixes of files with one email


@click.group("inbound")
def inbound() -> None:
    """Emails that come back: bounces, complaints, answers."""


@inbound.command("classify")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON object a line, one for each email.")
def classify_files(files: tuple[str, ...], wants_json: bool) -> None:
    """Say what raw emails are: kind, recipients and reasons. Changes nothing.

    A folder stands for its files, an mbox file for its emails, and - for standard input.
    """
    for name, raw in _messages(files):
        verdict = classify(raw)
        click.echo(
            json.dumps(_values(name, verdict), ensure_ascii=False) if wants_json else _line(name, verdict)
        )


def _values(name: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "file": name,
        "kind": verdict.kind.value,
        "recipients": [
            {
                "address": each.address,
                "reason": each.reason.value,
                "detail": each.detail.value,
                "hard": each.hard,
                "status": each.status,
                "diagnostic": each.diagnostic,
            }
            for each in verdict.recipients
        ],
        "action": verdict.action,
    }


def _line(name: str, verdict: Verdict) -> str:
    people = ", ".join(
        f"{each.address or '?'} ({each.detail.value}{', hard' if each.hard else ''})"
        for each in verdict.recipients
    )
    return f"{name}: {verdict.kind.value}{': ' if people else ''}{people}"


def _messages(files: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each email; raises click.ClickException for a file that cannot be read."""
    for file in files:
        if file == _STDIN:
            yield from _of(file, sys.stdin.buffer)
            continue
        path = Path(file)
        try:
            paths = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
            for each in paths:
                with each.open("rb") as stream:
                    yield from _of(str(each), stream)
        except OSError as error:
            raise click.ClickException(f"{file} can't be read: {error.strerror}.") from error


def _of(name: str, stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """The email in a stream, or each email of an mbox (RFC 4155)."""
    first = stream.readline(_CHUNK)
    if not first.startswith(b"From ") or name.lower().endswith(_ONE):
        yield name, first + stream.read(limits.WHOLE + 1 - len(first))
        return
    number, size, was_empty = 1, 0, False
    lines: list[bytes] = []
    while line := stream.readline(_CHUNK):
        if was_empty and line.startswith(b"From "):
            yield f"{name}:{number}", b"".join(lines)
            number, size, lines = number + 1, 0, []
        elif size <= limits.WHOLE:
            lines.append(line)
            size += len(line)
        was_empty = line in (b"\n", b"\r\n")
    yield f"{name}:{number}" if number > 1 else name, b"".join(lines)
