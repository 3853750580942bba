"""A template as one file: everything that its content is, as JSON. What a file says is checked before it is used."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.reading import clean, json_object
from campaigns.content.formats import Format
from campaigns.content.templates.models import Template
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

KIND = "columba-template"
VERSION = 1  # of this format of files
LARGEST_BYTES = 20 * 1024 * 1024  # three contents of 512 KB, 10 MB of attachments, and what JSON adds to them
_TEXTS = ("name", "subject", "preheader", "written", "html", "text")


def to_file(template: Template, attached: Iterable[tuple[str, bytes]] = ()) -> str:
    """The template as the text of a file, with name and bytes of each file that is attached."""
    values: dict[str, Any] = {field: getattr(template, field) for field in _TEXTS}
    head: dict[str, Any] = {"kind": KIND, "version": VERSION, "format": template.format.value}
    if template.is_layout:
        head["layout"] = True
    encoded = [{"name": name, "data": base64.b64encode(data).decode()} for name, data in attached]
    if encoded:
        values["attachments"] = encoded
    return json.dumps(head | values, ensure_ascii=False, indent=2) + "\n"


def from_file(data: bytes) -> tuple[Format, dict[str, Any], list[tuple[str, bytes]]]:
    """The format, the values and the attachments in a file; raises Invalid. Nothing is cleaned yet."""
    if len(data) > LARGEST_BYTES:
        raise Invalid(
            _(
                "The file is larger than 20 MB. A template has at most 512 KB of content and 10 MB of attachments."
            )
        )
    found = _object(data)
    if found.get("kind") != KIND:
        raise Invalid(_("This file isn't a template that was exported here."))
    if found.get("version") != VERSION or isinstance(found["version"], bool):
        raise Invalid(_("This file is of a newer version of the app. Update the app, then import it again."))
    unknown = found.keys() - {"kind", "version", "format", "layout", "attachments", *_TEXTS}
    if unknown:
        raise Invalid(_("A template has no “%(name)s”.", name=clean(sorted(unknown)[0])))
    for field in _TEXTS:
        if not isinstance(found.get(field, ""), str):
            raise Invalid(_("“%(name)s” must be text.", name=field))
    is_layout = found.get("layout", False)
    if not isinstance(is_layout, bool):
        raise Invalid(_("“%(name)s” must be true or false.", name="layout"))
    values = {field: found.get(field, "") for field in _TEXTS} | {"is_layout": is_layout}
    return _format(found.get("format")), values, _attachments(found.get("attachments", []))


def _attachments(found: Any) -> list[tuple[str, bytes]]:
    """Name and bytes of each; how many and how large they may be is for whoever attaches them."""
    try:
        return [(str(each["name"]), base64.b64decode(each["data"], validate=True)) for each in found]
    except (TypeError, KeyError, ValueError) as error:
        raise Invalid(_("The attachments in this file can't be read.")) from error


def _object(data: bytes) -> dict[str, Any]:
    try:
        return json_object(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Invalid(_("The file isn't UTF-8. Save it as UTF-8 and try again.")) from error
    except DocumentError as error:
        raise Invalid(_("The file can't be read. %(reason)s", reason=error.message)) from error


def _format(value: Any) -> Format:
    try:
        return Format(value)
    except ValueError as error:
        raise Invalid(_("There is no format “%(name)s”.", name=clean(str(value)))) from error
