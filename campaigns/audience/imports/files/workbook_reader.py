"""A process of its own that writes the first sheet of a workbook (XLSX, XLS, ODS) as CSV: argv has the workbook, and the
CSV file to write.

It is run by path and imports nothing of the app. It limits its own memory and time first, because a workbook is a zip
file of XML that may be made to do harm. A refusal is a word on standard output.
"""

from __future__ import annotations

import csv
import datetime
import resource
import sys
from typing import Any

import python_calamine

MEMORY_BYTES = 4 << 30
CPU_S = 300
LARGEST_CSV_BYTES = 2 << 30
MOST_CELLS = 1000  # of a row: more have columns that nobody means


def limit() -> None:
    """Take away what reading needs not: memory, time, large files and core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_CSV_BYTES, LARGEST_CSV_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def text(value: Any) -> str:
    """A cell as a person would write it: whole numbers without a point, days as YYYY-MM-DD."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return str(value.date()) if value.time() == datetime.time() else value.isoformat(" ", "seconds")
    return str(value).replace("\0", "")


def main(source: str, target: str) -> str:
    """Write the sheet; what is wrong with it, or nothing."""
    try:
        book = python_calamine.load_workbook(source)
        sheet = book.get_sheet_by_index(0)
    except python_calamine.PasswordError:
        return "password"
    except (python_calamine.CalamineError, OSError, ValueError, IndexError):
        return "damaged"
    if sheet.width > MOST_CELLS:
        return "wide"
    with open(target, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 (paths are of the app)
        writer = csv.writer(file, lineterminator="\r\n")
        for row in sheet.iter_rows():
            writer.writerow([text(value) for value in row])
    return ""


if __name__ == "__main__":
    limit()
    sys.stdout.write(main(sys.argv[1], sys.argv[2]))
