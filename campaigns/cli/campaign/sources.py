"""What a draft is made of: the files that `campaign create` takes, one of which is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from campaigns.content.formats import Format

LARGEST_FILE_BYTES = 512 * 1024
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def content_of(files: Mapping[str, Path | None], *, text: Path | None = None) -> dict[str, Any]:
    """The format of a draft and what is written in it, from the one file that is given, by its option's name.

    `text`: the text part beside it; alone, a plain-text email.
    """
    given = [(name, file) for name, file in files.items() if file]
    beside = {"text": text_of(text)} if text else {}
    if text and not given:
        return {"format": Format.TEXT, **beside}
    if len(given) != 1:
        options = ", ".join(f"--{name}" for name in (*files, "text"))
        raise click.UsageError(f"Give exactly one of {options}; --text may go with another one.")
    ((name, file),) = given
    return {**_CONTENTS[name](text_of(file)), **beside}


def text_of(file: Path) -> str:
    """The text of a file of at most 512 KB in UTF-8."""
    if file.stat().st_size > LARGEST_FILE_BYTES:
        raise click.ClickException(f"{file} is larger than 512 KB: email clients clip such emails.")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8. Save it as UTF-8 and try again.") from error


def _mjml(source: str) -> dict[str, Any]:
    from campaigns.content.documents import mjml

    click.echo("The MJML became HTML, which is what the draft keeps.", err=True)
    return {"html": mjml.html_of(source)}


_CONTENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "html": lambda source: {"html": source},
    "document": lambda source: {"format": Format.DOCUMENT, "written": source},
    "markdown": lambda source: {"format": Format.MARKDOWN, "written": source},
    "mjml": _mjml,
}
