"""A template as one file: everything that its content is, as JSON. What a file says is checked before it is used."""

from __future__ import annotations

import json
from typing import Any

from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.reading import clean, json_object
from campaigns.content.formats import Format
from campaigns.content.templates.models import Template
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

KIND = "columba-template"
VERSION = 1  # of this format of files
LARGEST_BYTES = 4 * 1024 * 1024  # three contents of 512 KB, and what JSON adds to them
_TEXTS = ("name", "subject", "preheader", "written", "html", "text")


def to_file(template: Template) -> str:
    """The template as the text of a file."""
    values = {field: getattr(template, field) for field in _TEXTS}
    head: dict[str, Any] = {"kind": KIND, "version": VERSION, "format": template.format.value}
    if template.is_layout:
        head["layout"] = True
    return json.dumps(head | values, ensure_ascii=False, indent=2) + "\n"


def from_file(data: bytes) -> tuple[Format, dict[str, Any]]:
    """The format and the values in a file; raises Invalid with the reason. The values are not cleaned yet."""
    if len(data) > LARGEST_BYTES:
        raise Invalid(_("The file is larger than 4 MB. A template has at most 512 KB of content."))
    found = _object(data)
    if found.get("kind") != KIND:
        raise Invalid(_("This file isn't a template that was exported here."))
    if found.get("version") != VERSION or isinstance(found["version"], bool):
        raise Invalid(_("This file is of a newer version of the app. Update the app, then import it again."))
    unknown = found.keys() - {"kind", "version", "format", "layout", *_TEXTS}
    if unknown:
        raise Invalid(_("A template has no “%(name)s”.", name=clean(sorted(unknown)[0])))
    for field in _TEXTS:
        if not isinstance(found.get(field, ""), str):
            raise Invalid(_("“%(name)s” must be text.", name=field))
    is_layout = found.get("layout", False)
    if not isinstance(is_layout, bool):
        raise Invalid(_("“%(name)s” must be true or false.", name="layout"))
    values = {field: found.get(field, "") for field in _TEXTS} | {"is_layout": is_layout}
    return _format(found.get("format")), values


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
