"""A template's email as nobody in particular sees it: merge tags print their fallbacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.content.compiled import text_part
from campaigns.content.formats import Format
from campaigns.content.language import merge_text
from campaigns.content.templates.layouts import SLOT
from campaigns.content.templates.models import CONTENT, Template, TemplateVersion
from campaigns.core.i18n import translate


@dataclass(frozen=True, slots=True)
class Shown:
    """What a mail client shows; `html` is empty for an email without it."""

    subject: str
    preheader: str
    html: str
    text: str


def of(content: Template | TemplateVersion) -> Shown:
    """What is saved; raises ContentError."""
    return of_values({field: getattr(content, field) for field in CONTENT})


def of_values(values: Mapping[str, Any], *, language: str = "en") -> Shown:
    """Cleaned values (`values.cleaned`) and their format; raises ContentError.

    `language`: in which the text part is generated.
    """
    html = "" if values["format"] is Format.TEXT else values["html"]
    text = values["text"]
    if not text.strip() and html.strip():
        text = text_part.generated(html, language=language)
    inside = {SLOT: translate("[Campaign content]")}
    return Shown(
        subject=merge_text.parse(values["subject"], where="subject").render_line({}),
        preheader=merge_text.parse(values["preheader"], where="preheader").render_line({}),
        html=merge_text.parse(html, where="html").render_html(inside),
        text=merge_text.parse(text, where="text").render_text(inside),
    )
