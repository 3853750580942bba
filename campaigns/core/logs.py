"""Log lines that say what happened, and neither what strangers wrote over them nor what rows hold."""

from __future__ import annotations

import logging
import re

from flask.logging import default_handler

INDENT = "    "
# What ends a line or moves the cursor somewhere: in a terminal, a pager or a collector of logs.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
# PostgreSQL repeats a row's values in this line of its errors.
_VALUES = re.compile(r"DETAIL:.*")


class Lines(logging.Formatter):
    """A record begins one line; what follows of a traceback is indented, so that no text can pose as a record."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        below = []
        if record.exc_info:
            below += self.formatException(record.exc_info).split("\n")
        if record.stack_info:
            below += self.formatStack(record.stack_info).split("\n")
        lines = [_without_values(line) for line in below]
        return "\n".join([one_line(self.formatMessage(record)), *(INDENT + one_line(each) for each in lines)])


def attach() -> None:
    """Write the records of every logger to standard error by these rules; once, however often it is called."""
    default_handler.setFormatter(Lines("[%(asctime)s] %(levelname)s in %(name)s: %(message)s"))
    root = logging.getLogger()
    if default_handler not in root.handlers:
        root.addHandler(default_handler)


def one_line(text: str) -> str:
    """The text with its line breaks and control characters spelled out, like `\\n`."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _without_values(line: str) -> str:
    return _VALUES.sub("DETAIL: (left out)", line)
