"""What the components of pages ask: how a status, a field or a column is drawn, and the address of this page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, request, url_for
from flask_wtf.csrf import generate_csrf

from campaigns.core import statuses
from campaigns.core.i18n import Sentence, _

# Shape and tone of each status; what it is called stands in core.statuses.
STATUS_LOOKS = {
    "draft": ("pencil", "idle"),
    "scheduled": ("clock", "wait"),
    "preparing": ("hourglass", "wait"),
    "sending": ("player-play-filled", "wait"),
    "paused": ("player-pause-filled", "warn"),
    "finished": ("check", "good"),
    "cancelled": ("ban", "idle"),
    "queued": ("circle-dotted", "idle"),
    "done": ("check", "good"),
    "refused": ("ban", "bad"),
    "retrying": ("rotate-clockwise", "warn"),
    "sent": ("check", "good"),
    "failed": ("alert-triangle", "bad"),
    "bounced": ("mail-off", "bad"),
    "stored": ("hourglass", "wait"),
    "arrived": ("check", "good"),
    "under_way": ("hourglass", "wait"),
    "late": ("alert-triangle", "bad"),
    "not_accepted": ("alert-triangle", "bad"),
    "handled": ("check", "good"),
    "quarantined": ("alert-triangle", "bad"),
    "skipped": ("player-skip-forward", "idle"),
    "expired": ("hourglass-off", "warn"),
    "unknown": ("help-circle", "warn"),
    "unconfirmed": ("mail-question", "warn"),
    "subscribed": ("check", "good"),
    "unsubscribed": ("user-minus", "idle"),
    "suppressed": ("hand-stop", "bad"),
    "uploaded": ("file-spreadsheet", "warn"),
    "running": ("player-play-filled", "wait"),
    "checking": ("player-play-filled", "wait"),
    "checked": ("file-spreadsheet", "warn"),
    "undoing": ("player-play-filled", "wait"),
    "undone": ("arrow-back-up", "idle"),
    "invited": ("mail", "wait"),
    "active": ("check", "good"),
    "disabled": ("ban", "idle"),
    "practice": ("flask", "warn"),
    "working": ("check", "good"),
    "incomplete": ("alert-triangle", "warn"),
    "listening": ("circle-dashed", "idle"),
    "receiving": ("check", "good"),
    "firing": ("alert-circle", "bad"),
    "resolved": ("check", "good"),
    "untested": ("circle-dashed", "idle"),
    "waiting": ("hourglass", "warn"),
    "signing": ("shield-check", "good"),
    "unpublished": ("alert-triangle", "bad"),
    "old": ("history", "idle"),
    "right": ("check", "good"),
    "different": ("alert-triangle", "bad"),
    "missing": ("circle-dashed", "warn"),
    "silent": ("help-circle", "warn"),
    "unchecked": ("circle-dashed", "idle"),
    "broken": ("alert-triangle", "bad"),
}
CALLOUT_ICONS = {"good": "circle-check", "warn": "alert-triangle", "bad": "alert-circle"}
CALLOUT_OF_FLASH = {"success": "good", "warning": "warn", "error": "bad", "danger": "bad"}
ERROR_TITLES = {
    403: _("Not allowed"),
    404: _("Not found"),
    409: _("Not possible right now"),
    413: _("Too large"),
    422: _("Can't be processed"),
    429: _("Too often"),
    503: _("Temporarily unavailable"),
}
# What scripts say.
SCRIPT_WORDS = {
    "saving": _("Saving…"),
    "saved": _("Saved"),
    "notLoaded": _("Could not load the results. Try again."),
    "notSaved": _("Not saved. Check your connection. Your changes are still here."),
    "refused": _("Not saved. Fix the errors in the form first."),
    "signedOut": _("Not saved. You've been signed out. Sign in again in another tab."),
    "offline": _("Offline. Your changes are kept in this browser."),
    "offlineTab": _("Offline. Your changes are only in this tab. Keep it open."),
    "readOnly": _("Read-only"),
    "conflict": _("Not saved"),
    "canEdit": _("You can edit this campaign now."),
    "unsavedAt": _("They were made on {time} and never reached the server."),
    "leave": _("You have unsaved changes."),
    "selected": _("{n} selected"),
    "percent": _("{n} percent done"),
    "done": _("Done"),
    "seconds": _("{n} s"),
    "copied": _("Copied"),
    "chosen": _("Selected: {name}"),
    "show": _("Show password"),
    "hide": _("Hide password"),
}
HIDDEN = {"HiddenField", "CSRFTokenField"}
GROUPS = {"RadioField", "MultiCheckboxField"}
SELECTS = {"SelectField", "SelectMultipleField", "QuerySelectField"}
FILES = {"FileField", "MultipleFileField"}


def init_app(app: Flask) -> None:
    """Give the components their functions."""
    app.jinja_env.filters.update(unix_times=unix_times)
    app.jinja_env.globals.update(
        callout_icon=lambda kind: CALLOUT_ICONS.get(kind, "info-circle"),
        error_title=lambda status: ERROR_TITLES.get(status, _("Something went wrong")),
        field_look=field_look,
        flash_kind=lambda category: CALLOUT_OF_FLASH.get(category, "info"),
        form_faults=form_faults,
        here=here,
        request_headers=lambda: {"X-CSRFToken": generate_csrf()},
        script_words=lambda: {name: str(words) for name, words in SCRIPT_WORDS.items()},
        sorting=sorting,
        status_look=status_look,
    )


@dataclass(frozen=True, slots=True)
class Tab:
    """One of several pages side by side."""

    label: Any
    url: str
    active: bool
    count: int | None = None


# -- statuses


@dataclass(frozen=True, slots=True)
class StatusLook:
    word: Sentence
    shape: str
    tone: str


def status_look(kind: Any) -> StatusLook:
    """How a status is drawn, by its enum member or its name."""
    name = str(getattr(kind, "word", None) or getattr(kind, "name", kind)).lower()
    return StatusLook(statuses.label(name), *STATUS_LOOKS[name])


# -- addresses


def here(**changes: Any) -> str:
    """This page's address with some of its query changed; None takes a parameter out."""
    return url_for(request.endpoint or "", **{**request.args, **(request.view_args or {}), **changes})


@dataclass(frozen=True, slots=True)
class Sorting:
    """What the heading of a column says of the order of the rows; `next` is how a click on it would sort."""

    order: str | None
    icon: str
    next: str


def sorting(key: str, by: str, descending: bool) -> Sorting:
    """The heading of the column `key` while the rows are sorted by `by`."""
    if by != key:
        return Sorting(None, "selector", key)
    return (
        Sorting("descending", "arrow-down", key)
        if descending
        else Sorting("ascending", "arrow-up", f"-{key}")
    )


# -- forms


@dataclass(frozen=True, slots=True)
class FieldLook:
    """A form's field as it is drawn: `attrs` go on its input, `own` are those that the page gave."""

    field: Any
    hint: Any
    attrs: dict[str, Any]
    own: dict[str, Any]
    errors: list[Any]

    @property
    def about(self) -> str:
        """The ids of what describes the input."""
        return str(self.attrs.get("aria-describedby", ""))

    @property
    def is_hidden(self) -> bool:
        return self.field.type in HIDDEN

    @property
    def is_check(self) -> bool:
        return bool(self.field.type == "BooleanField")

    @property
    def is_group(self) -> bool:
        """Whether it is one of several inputs under a legend."""
        if self.field.type == "SelectMultipleField":
            return getattr(self.field.option_widget, "input_type", "") == "checkbox"
        return self.field.type in GROUPS

    @property
    def is_password(self) -> bool:
        return bool(self.field.type == "PasswordField")

    @property
    def is_file(self) -> bool:
        return self.field.type in FILES


def field_look(field: Any, hint: Any, width: str | None, attrs: dict[str, Any]) -> FieldLook:
    """How to draw a field: its hint and errors are tied to it, and its width is a class."""
    hint, own = hint or field.description, dict(attrs)
    about = [f"{field.id}-hint"] * bool(hint) + [f"{field.id}-error"] * bool(field.errors)
    tied = {"aria-describedby": " ".join(about)} if about else {}
    tied |= {"aria-invalid": "true"} if field.errors else {}
    classes = [_form_class(field), own.get("class_"), f"w-{width}" if width else None]
    drawn = {name: value for name, value in own.items() if name != "class_"}
    if shape := " ".join(each for each in classes if each):
        drawn["class"] = shape
    return FieldLook(field, hint, drawn | tied, own, [_sentence(each) for each in field.errors])


def _form_class(field: Any) -> str | None:
    if field.type in HIDDEN or field.type == "BooleanField":
        return None
    return "form-select" if field.type in SELECTS else "form-control"


def _sentence(error: Any) -> Any:
    """The errors of a field of several fields are lists."""
    return " ".join(map(str, error)) if isinstance(error, list | tuple) else error


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a form's field; without an id there is no input to go to."""

    id: str | None
    label: Any
    sentence: Any


def form_faults(form: Any) -> list[Fault]:
    """One for each field with errors."""
    return [_fault(field) for field in form if field.errors]


def _fault(field: Any) -> Fault:
    if field.type in HIDDEN:
        return Fault(None, None, " ".join(map(str, field.errors)))
    first = next(iter(field.errors))
    return Fault(field.id, field.label.text, None if isinstance(first, list | tuple | dict) else first)


# -- words for scripts


def unix_times(moments: Iterable[datetime]) -> str:
    """Moments as a list of Unix seconds that a script reads."""
    return f"[{','.join(str(int(moment.timestamp())) for moment in moments)}]"
