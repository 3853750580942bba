"""Why a row of a file was rejected, in words."""

from __future__ import annotations

from enum import StrEnum

from campaigns.core.i18n import _


class RowReason(StrEnum):
    """A code stored with each row; `label`: its sentence, `is_skip`: left out, but not at fault."""

    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    SAYS_UNCONFIRMED = "says_unconfirmed"
    SAYS_UNSUBSCRIBED = "says_unsubscribed"
    SAYS_BOUNCED = "says_bounced"
    SAYS_COMPLAINED = "says_complained"
    UNKNOWN_STATUS = "unknown_status"
    DUPLICATE = "duplicate"
    NO_ADDRESS = "no_address"
    BAD_ADDRESS = "bad_address"
    TOO_LONG = "too_long"
    BAD_NUMBER = "bad_number"
    BAD_DATE = "bad_date"
    BAD_YES_NO = "bad_yes_no"
    BAD_URL = "bad_url"
    BAD_CHOICE = "bad_choice"
    MORE_CELLS = "more_cells"
    FEWER_CELLS = "fewer_cells"
    ROW_TOO_LONG = "row_too_long"
    OPEN_QUOTE = "open_quote"
    NUL = "nul"
    ENCODING = "encoding"
    BROKEN = "broken"

    @property
    def is_skip(self) -> bool:
        return self in LEFT_OUT

    @property
    def label(self) -> str:
        return {
            RowReason.SUPPRESSED: _("The address is on the suppression list."),
            RowReason.UNSUBSCRIBED: _("This person has unsubscribed from the list."),
            RowReason.SAYS_UNCONFIRMED: _("The file says that this person hasn't confirmed."),
            RowReason.SAYS_UNSUBSCRIBED: _("The file says that this person has unsubscribed."),
            RowReason.SAYS_BOUNCED: _("The file says that email to this address bounced."),
            RowReason.SAYS_COMPLAINED: _("The file says that this person complained."),
            RowReason.UNKNOWN_STATUS: _("The status isn't known."),
            RowReason.DUPLICATE: _("Duplicate address. The first row was used."),
            RowReason.NO_ADDRESS: _("The row has no email address."),
            RowReason.BAD_ADDRESS: _("This isn't an email address."),
            RowReason.TOO_LONG: _("A value is longer than 10,000 characters."),
            RowReason.BAD_NUMBER: _("Enter a number."),
            RowReason.BAD_DATE: _("Enter a date, such as 2026-11-23."),
            RowReason.BAD_YES_NO: _("Enter yes or no."),
            RowReason.BAD_URL: _("Enter a web address, such as https://example.com."),
            RowReason.BAD_CHOICE: _("The value isn't one of the field's options."),
            RowReason.MORE_CELLS: _("The row has more cells than the header row. A value may need quotes."),
            RowReason.FEWER_CELLS: _("The row has fewer cells than the header row."),
            RowReason.ROW_TOO_LONG: _("The row is too long to be read."),
            RowReason.OPEN_QUOTE: _("A quotation mark isn't closed."),
            RowReason.NUL: _("The row contains zero bytes."),
            RowReason.ENCODING: _("The row contains characters that can't be read."),
            RowReason.BROKEN: _("The row contains a stray line break."),
        }[self]


LEFT_OUT = frozenset(
    {
        RowReason.SUPPRESSED,
        RowReason.UNSUBSCRIBED,
        RowReason.SAYS_UNCONFIRMED,
        RowReason.SAYS_UNSUBSCRIBED,
        RowReason.SAYS_BOUNCED,
        RowReason.SAYS_COMPLAINED,
    }
)
