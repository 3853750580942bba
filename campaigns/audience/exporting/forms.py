"""The form of an export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectMultipleField
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.accounts.forms import choices
from campaigns.audience.exporting import columns
from campaigns.audience.exporting.columns import Column
from campaigns.audience.exporting.models import ExportChoice, Format
from campaigns.core.i18n import _


class ExportForm(FlaskForm):
    columns = SelectMultipleField(
        _("Columns"),
        [InputRequired(_("Choose at least one column."))],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    format = RadioField(
        _("Format"),
        choices=choices(
            [
                (Format.CSV.value, _("CSV: for spreadsheets")),
                (Format.JSON_LINES.value, _("JSON Lines: one object per person, for programs")),
            ]
        ),
        default=Format.CSV.value,
    )
    is_raw = BooleanField(
        _("Don't escape formulas in the CSV file"),
        description=_(
            "By default, values that a spreadsheet would run as a formula begin with an apostrophe. "
            "Turn this on only for files that a program reads."
        ),
    )

    def __init__(self, *, of_list: bool, kept: ExportChoice | None = None, **options: Any) -> None:
        offered = columns.offered(of_list=of_list)
        usual = [each.name for each in columns.usual(of_list=of_list)]
        known = {each.name for each in offered}
        remembered = [name for name in kept.columns if name in known] if kept else []
        data = {"columns": remembered or usual, "format": kept.format.value if kept else Format.CSV.value}
        super().__init__(data=data, **options)
        self.columns.choices = choices((each.name, each.label) for each in offered)
        self._of_list = of_list

    def chosen(self) -> Sequence[Column]:
        """The columns in the order of the page."""
        return columns.chosen(self.columns.data or (), of_list=self._of_list)

    @property
    def chosen_format(self) -> Format:
        return Format(self.format.data)
