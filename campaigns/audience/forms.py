"""Forms of lists, people, fields, imports and suppressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import flash
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.accounts.forms import accepted as accepted_by
from campaigns.accounts.forms import choices, email_field, trimmed
from campaigns.audience import queries, values
from campaigns.audience.imports.files import columns, uploads
from campaigns.audience.models import Field, FieldKind, List, OptIn, Subscriber
from campaigns.audience.tags import queries as tag_queries
from campaigns.core.errors import Invalid
from campaigns.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, _, translate
from campaigns.form_page import LARGEST_UPLOAD_BYTES, TOO_LARGE
from campaigns.settings import queries as settings_queries

T = TypeVar("T")
FIELD_PREFIX = "field_"
DELIMITERS = {",": _("Comma"), ";": _("Semicolon"), "\t": _("Tab"), "|": _("Pipe")}


def accepted(form: FlaskForm, act: Callable[[], T]) -> T | None:
    """The result of the service, or None with its error added to the form: as plain text, because a lazy
    string passes for HTML, and it may contain names that people entered.
    """
    made = accepted_by(form, act)
    if made is None:
        form.form_errors[:] = [str(each) for each in form.form_errors]
        for each in form:
            each.errors = [str(message) for message in each.errors]
    return made


def say(sentence: Any, kind: str) -> None:
    """Flash a sentence on the next page; as plain text, for the same reason."""
    flash(str(sentence), kind)


class ListForm(FlaskForm):
    name = StringField(
        _("Name"), [InputRequired(_("Enter a list name.")), Length(max=100)], filters=[trimmed]
    )
    description = StringField(
        _("Description"),
        [Optional(), Length(max=500)],
        filters=[trimmed],
        description=_("Shown on the sign-up page. Say what people receive and how often."),
    )
    labels = StringField(
        _("Labels"),
        [Optional(), Length(max=1000)],
        filters=[trimmed],
        description=_("Words for your team, separated by commas. Lists can be filtered by them."),
    )
    opt_in = RadioField(
        _("Opt-in"),
        choices=choices(
            [
                (OptIn.DOUBLE.value, _("Double opt-in: people confirm by email")),
                (OptIn.SINGLE.value, _("Single opt-in: people are subscribed immediately")),
            ]
        ),
        default=OptIn.DOUBLE.value,
    )
    is_public = BooleanField(
        _("Public sign-up page"),
        description=_("A public page that you can link to."),
    )
    has_archive = BooleanField(
        _("Public archive"),
        description=_(
            "Anyone with the address can read the campaigns sent to this list, past and future, without personal data."
        ),
    )
    archive_is_indexed = BooleanField(_("Let search engines list the archive"))
    language = SelectField(
        _("Language of subscribers"), choices=choices(LANGUAGES.items()), default=DEFAULT_LANGUAGE
    )
    sender_id = SelectField(_("Sender of confirmation emails"), coerce=int, default=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        senders = [(str(each.id), f"{each.name} <{each.email}>") for each in settings_queries.senders()]
        self.sender_id.choices = choices([("0", _("The first sender")), *senders])

    def values(self) -> dict[str, Any]:
        """What the services take."""
        return {
            "name": self.name.data or "",
            "description": self.description.data or "",
            "opt_in": OptIn(self.opt_in.data),
            "is_public": bool(self.is_public.data),
            "has_archive": bool(self.has_archive.data),
            "archive_is_indexed": bool(self.archive_is_indexed.data),
            "language": self.language.data,
            "sender_id": self.sender_id.data or None,
        }


class PersonForm(FlaskForm):
    """`person_form` adds the custom fields."""

    email = email_field(_("Email address"), render_kw={"autocomplete": "off", "dir": "ltr"})
    language = SelectField(
        _("Language"), choices=choices([("", _("Same as the list")), *LANGUAGES.items()]), default=""
    )
    lists = SelectMultipleField(
        _("Lists"),
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        description=_("Only add people who agreed to receive your emails."),
    )
    tags = StringField(
        _("Tags"),
        [Optional(), Length(max=2000)],
        description=_("Separated by commas."),
        render_kw={"list": "known-tags", "autocomplete": "off"},
    )
    known: Sequence[Field] = ()

    @property
    def own_fields(self) -> list[Any]:
        """The inputs of the fields that operators have made."""
        return [self[FIELD_PREFIX + each.key] for each in self.known]

    def fields_of_person(self) -> dict[str, Any]:
        """The fields as stored; raises Invalid at the field that is wrong."""
        found = {}
        for each in self.known:
            try:
                found[each.key] = values.parse(
                    _typed(self[FIELD_PREFIX + each.key].data),
                    kind=each.kind,
                    key=each.key,
                    options=each.options,
                )
            except Invalid as wrong:
                raise Invalid(wrong.message, field=FIELD_PREFIX + each.key) from wrong
        return found


def person_form(person: Subscriber | None = None) -> PersonForm:
    """The form for a person with the stored values; without a person, also the lists to join."""
    known = queries.fields()
    inputs = {FIELD_PREFIX + each.key: _input(each) for each in known}
    form_class = type("PersonForm", (PersonForm,), {**inputs, "known": known})
    kept = {} if person is None else person.fields or {}
    data = {FIELD_PREFIX + each.key: _shown(each, kept.get(each.key)) for each in known}
    if person is not None:
        data |= {"email": person.email, "language": person.language or "", "tags": _tags_of(person)}
    form: PersonForm = form_class(data=data)
    if person is not None or not queries.open_lists():
        del form.lists
    else:
        form.lists.choices = choices((str(each.id), _list_label(each)) for each in queries.open_lists())
    return form


def _tags_of(person: Subscriber) -> str:
    return ", ".join(each.name for each in tag_queries.of_people([person.id])[person.id])


def _input(field: Field) -> Any:
    """The input of a field that operators have made."""
    optional: dict[str, Any] = {"validators": [Optional()], "description": _hint(field)}
    if field.kind is FieldKind.YES_NO:
        return SelectField(
            field.label,
            choices=choices([("", _("Not known")), ("yes", _("Yes")), ("no", _("No"))]),
            **optional,
        )
    if field.kind is FieldKind.CHOICE:
        options = [("", _("Not known")), *((each, each) for each in field.options)]
        return SelectField(field.label, choices=choices(options), validate_choice=False, **optional)
    if field.kind is FieldKind.CHOICES:
        return SelectMultipleField(
            field.label,
            choices=choices((each, each) for each in field.options),
            validate_choice=False,
            widget=ListWidget(prefix_label=False),
            option_widget=CheckboxInput(),
            **optional,
        )
    return StringField(field.label, **optional)


def _typed(data: Any) -> str:
    """What was entered, as text that `values.parse` reads."""
    return "; ".join(data) if isinstance(data, list) else data or ""


def _shown(field: Field, value: Any) -> Any:
    """A stored value as its input shows it."""
    if field.kind is FieldKind.CHOICES:
        return value if isinstance(value, list) else []
    return values.written(value)


def _hint(field: Field) -> Any:
    return {
        FieldKind.NUMBER: _("A number, such as 12 or 12.5"),
        FieldKind.DATE: _("A date, such as 2026-11-23"),
        FieldKind.URL: _("A web address, such as https://example.com"),
    }.get(field.kind, "")


def _list_label(each: List) -> Any:
    if each.opt_in is OptIn.DOUBLE:
        return translate("%(list)s (sends a confirmation email)", list=each.name)
    return each.name


class JoinForm(FlaskForm):
    """Adds a person to another list."""

    list_id = SelectField(_("List"), coerce=int)

    def __init__(self, lists: Sequence[List], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.list_id.choices = choices((str(each.id), _list_label(each)) for each in lists)

    @property
    def all_errors(self) -> list[Any]:
        """What is wrong, wherever."""
        return [*self.list_id.errors, *self.form_errors]


class TagForm(FlaskForm):
    tags = StringField(_("Name"), [InputRequired(_("Enter a tag name.")), Length(max=64)], filters=[trimmed])


class FieldForm(FlaskForm):
    label = StringField(
        _("Name"), [InputRequired(_("Enter a field name.")), Length(max=100)], filters=[trimmed]
    )
    kind = SelectField(
        _("Kind"),
        choices=choices((kind.value, kind.label) for kind in FieldKind),
        default=FieldKind.TEXT.value,
    )
    options = TextAreaField(_("Options"), [Optional(), Length(max=20_000)], description=_("One per line."))

    def chosen_options(self) -> list[str]:
        """The options, one per line."""
        return (self.options.data or "").splitlines()


class RenameForm(FlaskForm):
    label = FieldForm.label
    options = FieldForm.options

    def chosen_options(self) -> list[str] | None:
        """The options, one per line; None for a field that has none."""
        return (self.options.data or "").splitlines() if "options" in self else None


class SuppressForm(FlaskForm):
    addresses = TextAreaField(
        _("Email addresses"),
        [InputRequired(_("Paste at least one email address."))],
        description=_("One per line or separated by commas."),
    )
    note = StringField(
        _("Note"),
        [Optional(), Length(max=500)],
        filters=[trimmed],
        description=_("A reason for your team."),
    )


class UploadForm(FlaskForm):
    list_id = SelectField(_("Import into list"), coerce=int)
    new_list = StringField(
        _("Name of the new list"),
        [Optional(), Length(max=100)],
        description=_("People see it, for example when they unsubscribe."),
    )
    file = FileField(
        _("File"),
        description=_("CSV, XLSX or ODS, up to 200 MB; also as a zip or gzip file."),
        render_kw={"data-largest": LARGEST_UPLOAD_BYTES, "data-too-large": TOO_LARGE},
    )
    pasted = TextAreaField(
        _("Or paste rows"),
        [Optional(), Length(max=3_000_000)],
        description=_("With or without a header row. One address per line is enough."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(str(each.id), each.name) for each in queries.open_lists()]
        self.list_id.choices = choices([*known, ("0", _("New list"))])


class FormatForm(FlaskForm):
    """How the file is parsed."""

    encoding = SelectField(_("Encoding"), choices=choices(uploads.ENCODINGS.items()))
    delimiter = SelectField(_("Delimiter"), choices=choices(DELIMITERS.items()))
    has_header = BooleanField(_("The first row contains headings"))


class ColumnsForm(FlaskForm):
    """`columns_form` adds one choice per column."""

    agreed = BooleanField(
        _("These people agreed to receive this email"),
        [InputRequired(_("Confirm that these people agreed to receive your emails."))],
        description=_("This statement is stored with each person as proof of consent."),
    )
    width = 0

    @property
    def targets(self) -> list[str]:
        """The target of each column."""
        return [self[f"column_{at}"].data for at in range(self.width)]


def columns_form(headings: Sequence[str], guess: Sequence[str]) -> ColumnsForm:
    """The form that maps columns to fields, set to the guess."""
    known = [(each.key, each.label) for each in queries.fields()]
    inputs = {}
    for at, heading in enumerate(headings):
        options = [
            (columns.EMAIL, _("Email address")),
            *known,
            (columns.NEW, translate("New field “%(name)s”", name=heading)),
            (columns.NEW_OF[FieldKind.NUMBER], translate("New number field “%(name)s”", name=heading)),
            (columns.NEW_OF[FieldKind.DATE], translate("New date field “%(name)s”", name=heading)),
            (columns.NEW_OF[FieldKind.YES_NO], translate("New yes/no field “%(name)s”", name=heading)),
            (columns.NEW_OF[FieldKind.URL], translate("New web address field “%(name)s”", name=heading)),
            (columns.STATUS, _("Status (subscribed, unsubscribed, bounced)")),
            (columns.LEFT, _("Date or yes: unsubscribed")),
            (columns.BOUNCED, _("Date or yes: bounced")),
            (columns.IGNORE, _("Skip")),
        ]
        inputs[f"column_{at}"] = SelectField(heading, choices=choices(options), default=guess[at])
    form_class = type("ColumnsForm", (ColumnsForm,), {**inputs, "width": len(headings)})
    form: ColumnsForm = form_class()
    return form
