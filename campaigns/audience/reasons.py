"""Why a row of a file was not taken, in words."""

from __future__ import annotations

from enum import StrEnum

from campaigns.core.i18n import _


class Reason(StrEnum):
    """A code kept with each row; `label` is its sentence, `is_skip` says that it was left out on purpose."""

    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    DUPLICATE = "duplicate"
    NO_ADDRESS = "no_address"
    BAD_ADDRESS = "bad_address"
    TOO_LONG = "too_long"
    BAD_NUMBER = "bad_number"
    BAD_DATE = "bad_date"
    MORE_CELLS = "more_cells"
    FEWER_CELLS = "fewer_cells"
    ROW_TOO_LONG = "row_too_long"
    OPEN_QUOTE = "open_quote"
    NUL = "nul"
    ENCODING = "encoding"
    BROKEN = "broken"

    @property
    def is_skip(self) -> bool:
        return self in (Reason.SUPPRESSED, Reason.UNSUBSCRIBED, Reason.DUPLICATE)

    @property
    def label(self) -> str:
        return {
            Reason.SUPPRESSED: _("The address is on the suppression list."),
            Reason.UNSUBSCRIBED: _("This person has unsubscribed from the list."),
            Reason.DUPLICATE: _("The address stands in the file more than once; its first row was taken."),
            Reason.NO_ADDRESS: _("The row has no e-mail address."),
            Reason.BAD_ADDRESS: _("This is not an e-mail address."),
            Reason.TOO_LONG: _("A value is longer than 10,000 characters."),
            Reason.BAD_NUMBER: _("A number is expected here."),
            Reason.BAD_DATE: _("A date like 2026-11-23 is expected here."),
            Reason.MORE_CELLS: _("The row has more cells than the headings. Does a value need quotes?"),
            Reason.FEWER_CELLS: _("The row has fewer cells than the headings."),
            Reason.ROW_TOO_LONG: _("The row is too long to be read."),
            Reason.OPEN_QUOTE: _("A quotation mark is opened and not closed."),
            Reason.NUL: _("The row contains zero bytes."),
            Reason.ENCODING: _("The row contains characters that can't be read."),
            Reason.BROKEN: _("The row contains a stray line break."),
        }[self]
