"""Reads and writes CSV (RFC 4180). Records are of bounded size, and a malformed record does not affect others.

Files are UTF-8 (uploads are converted first); reading can resume at a position in bytes.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

LONGEST_RECORD_BYTES = 1 << 20
BLOCK_BYTES = 1 << 18
MOST_LINES = 200  # of one record; more means an unclosed quotation mark
DELIMITERS = (",", ";", "\t", "|")
_TEXT_SHOWN = 300
_SAMPLE_ROWS = 50
_SENTINEL = "."
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


class Fault(StrEnum):
    """Why a record cannot be read."""

    TOO_LONG = "row_too_long"
    OPEN_QUOTE = "open_quote"
    NUL = "nul"
    ENCODING = "encoding"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its first line (from 1), the position of the next record in bytes, and its cells or its fault."""

    line: int
    end: int
    next_line: int
    cells: list[str] = field(default_factory=list)
    fault: Fault | None = None
    text: str = ""


class _Broken(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Records:
    """Iterates over the records from a byte position. After a malformed record it continues with the next line."""

    def __init__(self, file: BinaryIO, *, delimiter: str, position: int = 0, line: int = 1) -> None:
        file.seek(position)
        self._file = file
        self._delimiter = delimiter
        self._position = position
        self._line = line
        self._taken: list[bytes] = []
        self._size = 0
        self._reader = self._new_reader()

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        self._taken, self._size = [], 0
        try:
            cells = next(self._reader)
        except _Broken as broken:
            return self._go_on(broken.fault)
        except csv.Error as error:
            return self._go_on(Fault.TOO_LONG if "limit" in str(error) else Fault.BROKEN)
        return self._advance(self._size, len(self._taken), cells=cells)

    @property
    def position(self) -> int:
        """Where the next record begins, in bytes."""
        return self._position

    def block(self) -> list[tuple[int, int, list[str]]]:
        """Many records by one call of the CSV reader: (line, position of the next record, cells). Empty at the end,
        and when something in the next part of the file has to be looked at record by record.
        """
        self._file.seek(self._position)
        raw = self._file.read(BLOCK_BYTES)
        raw = raw[: raw.rfind(b"\n") + 1]
        lines = raw.split(b"\n")[:-1]
        found = self._rows_of(raw, len(lines))
        self._file.seek(self._position)
        if not found:
            return []
        line, end = self._line, self._position
        records = []
        for text, cells in zip(lines, found, strict=True):
            end += len(text) + 1
            records.append((line, end, cells))
            line += 1
        self._line, self._position = line, end
        self._file.seek(end)
        self._reader = self._new_reader()
        return records

    def _rows_of(self, raw: bytes, lines: int) -> list[list[str]]:
        """The cells of these lines, if each is a record; else nothing."""
        if not raw or b"\0" in raw:
            return []
        try:
            # The last line shows whether the one before ends in an open quotation.
            rows = list(csv.reader([*raw.decode().split("\n")[:-1], _SENTINEL], delimiter=self._delimiter))
        except (UnicodeDecodeError, csv.Error):
            return []
        return rows[:-1] if len(rows) == lines + 1 and rows[-1] == [_SENTINEL] else []

    def give_up_last(self) -> Record:
        """Replace the last record by an unclosed quotation mark; the next record begins on its second line."""
        self._position -= self._size
        self._line -= len(self._taken)
        return self._go_on(Fault.OPEN_QUOTE)

    def _new_reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._delimiter)

    def _feed(self) -> Iterator[str]:
        """The lines of one record; the CSV reader asks for further ones only within quotation marks."""
        while raw := self._file.readline(LONGEST_RECORD_BYTES + 1):
            self._taken.append(raw)
            self._size += len(raw)
            if self._size > LONGEST_RECORD_BYTES:
                raise _Broken(Fault.TOO_LONG if len(self._taken) == 1 else Fault.OPEN_QUOTE)
            if len(self._taken) > MOST_LINES:
                raise _Broken(Fault.OPEN_QUOTE)
            if b"\0" in raw:
                raise _Broken(Fault.NUL)
            try:
                yield raw.decode()
            except UnicodeDecodeError as error:
                raise _Broken(Fault.ENCODING) from error
        if self._taken:
            raise _Broken(Fault.OPEN_QUOTE)

    def _go_on(self, fault: Fault) -> Record:
        """Report the fault for the record's first line, and continue with its second."""
        first = self._taken[0]
        text = first[:_TEXT_SHOWN].decode(errors="replace").replace("\0", "�").strip()
        length = len(first)
        if not first.endswith(b"\n"):
            length += self._rest_of_line()
        self._file.seek(self._position + length)
        self._reader = self._new_reader()
        return self._advance(length, 1, fault=fault, text=text)

    def _rest_of_line(self) -> int:
        self._file.seek(self._position + len(self._taken[0]))
        length = 0
        while chunk := self._file.readline(LONGEST_RECORD_BYTES):
            length += len(chunk)
            if chunk.endswith(b"\n"):
                break
        return length

    def _advance(
        self,
        length: int,
        lines: int,
        *,
        cells: list[str] | None = None,
        fault: Fault | None = None,
        text: str = "",
    ) -> Record:
        line = self._line
        self._position += length
        self._line += lines
        return Record(line, self._position, self._line, cells or [], fault, text)


def guess_delimiter(lines: Iterable[str]) -> str:
    """The delimiter that splits most of these lines into the same number of cells, more than one."""
    sample = [line for line in lines if line.strip()][:_SAMPLE_ROWS]
    best, best_score = DELIMITERS[0], (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
        except csv.Error:
            continue
        width, times = widths.most_common(1)[0] if widths else (1, 0)
        score = (round(times / max(1, widths.total()), 1), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def lines(table: Iterable[list[str]]) -> Iterator[str]:
    """The rows as CSV text (RFC 4180), several rows at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for number, row in enumerate(table, start=1):
        writer.writerow(row)
        if number % 100 == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def guarded(text: str) -> str:
    """The text, safe from being read as a formula by spreadsheets: an apostrophe before = + - @ and controls."""
    if text[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\0") and not _NUMBER.fullmatch(
        text
    ):
        return "'" + text
    return text
