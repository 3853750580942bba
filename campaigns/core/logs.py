"""Log format: one line per record, without injected line breaks and without values of database rows."""

from __future__ import annotations

import logging
import re

from flask.logging import default_handler

INDENT = "    "
# Line breaks and control characters, which terminals, pagers and log collectors interpret.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
# PostgreSQL's errors show a row's values in this line.
_VALUES = re.compile(r"DETAIL:.*")


class Lines(logging.Formatter):
    """A record is one line; lines of a traceback are indented, so that no text can look like another record."""

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
    """Write the records of all loggers to standard error in this format. Further calls do nothing."""
    default_handler.setFormatter(Lines("[%(asctime)s] %(levelname)s in %(name)s: %(message)s"))
    root = logging.getLogger()
    if default_handler not in root.handlers:
        root.addHandler(default_handler)


def one_line(text: str) -> str:
    """The text with line breaks and control characters escaped, like `\\n`."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _without_values(line: str) -> str:
    return _VALUES.sub("DETAIL: (left out)", line)
