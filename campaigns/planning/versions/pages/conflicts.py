"""What the editor's page shows when others have saved meanwhile: both, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm

from campaigns.planning.forms import CampaignForm
from campaigns.planning.models import Campaign
from campaigns.planning.versions import differences
from campaigns.planning.versions.differences import Line, Piece

_LINES = ("name", "subject", "preheader", "from_name", "reply_to")
_ROWS = {**dict.fromkeys(_LINES, 2), "written": 8, "html": 8, "text": 8}


@dataclass(frozen=True, slots=True)
class Differing:
    """A field that reads otherwise in the draft than on the page: `field` is as saved, for copying from it."""

    field: Any
    rows: int
    pieces: list[Piece]
    hunks: list[list[Line]]


def differing(found: Campaign, form: CampaignForm) -> list[Differing]:
    """The fields of what was saved meanwhile that read otherwise in the form, with what is different."""
    return between(CampaignForm(found, formdata=None, prefix="other"), form)


def between(saved: FlaskForm, form: FlaskForm) -> list[Differing]:
    """The fields of a form as saved that read otherwise in the one that was sent."""
    pairs = [
        (saved[name], _plain(form[name].data), rows)
        for name, rows in _ROWS.items()
        if name in form and name in saved
    ]
    return [
        Differing(field, rows, *_compared(field, mine))
        for field, mine, rows in pairs
        if mine != _plain(field.data)
    ]


def _compared(field: Any, mine: str) -> tuple[list[Piece], list[list[Line]]]:
    before = _plain(field.data)
    if field.short_name in _LINES:
        return differences.words(before, mine), []
    return [], differences.hunks(before, mine)


def _plain(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n")
