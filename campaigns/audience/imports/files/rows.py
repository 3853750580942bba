"""Rows of a file as people. Pure, without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from campaigns.audience import values
from campaigns.audience.imports.files.columns import BOUNCED, EMAIL, LEFT, STATUS
from campaigns.audience.imports.files.peers import Standing, standing_of
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.models import Field, FieldKind
from campaigns.core import addresses, signing
from campaigns.core.csvfile import BLOCK_BYTES, Record, Records
from campaigns.core.errors import Invalid

LONGEST_CELL_KEPT = 200  # of a rejected row
MOST_CELLS_KEPT = 100
LONGEST_VALUE_KEPT = 320
PLAIN_DIGITS = 15  # whole numbers up to here need no closer look
_NOTHING: dict[str, Any] = {}


class Taken(NamedTuple):
    """One row: a person, or the reason for its rejection. `end`: where the next row begins, in bytes."""

    line: int
    end: int
    email: str = ""
    address: str = ""
    address_key: str = ""
    fields: dict[str, Any] = _NOTHING
    standing: Standing = Standing.SUBSCRIBED
    reason: RowReason | None = None
    value: str = ""
    cells: Sequence[str] = ()


class RowReader:
    """Reads rows by the columns' targets."""

    def __init__(
        self, columns: Sequence[str], targets: Sequence[str], fields: Sequence[Field], link_key: bytes
    ) -> None:
        # Plain values: rows are used across many commits.
        kinds = {each.key: each.kind for each in fields}
        options = {each.key: tuple(each.options or ()) for each in fields}
        self._width = len(columns)
        self._email = targets.index(EMAIL)
        known = [(at, target) for at, target in enumerate(targets) if target in kinds]
        self._texts = [(at, key) for at, key in known if kinds[key] is FieldKind.TEXT]
        self._others = [
            (at, key, kinds[key], options[key]) for at, key in known if kinds[key] is not FieldKind.TEXT
        ]
        self._standing = [
            (at, target) for at, target in enumerate(targets) if target in (STATUS, LEFT, BOUNCED)
        ]
        self._hash = signing.address_hash(link_key)

    def rows(self, records: Records) -> Iterator[Taken]:
        """Every row that is not empty."""
        while True:
            if block := records.block():
                for line, end, cells in block:
                    taken = self._take(line, end, cells)
                    if taken.reason is None or not _is_empty(cells):
                        yield taken
            else:
                stop = records.position + BLOCK_BYTES
                for record in records:
                    yield from self._slowly(record, records)
                    if records.position >= stop:
                        break
                else:
                    return

    def _slowly(self, record: Record, records: Records) -> Iterator[Taken]:
        if record.fault:
            yield self._unreadable(record)
        elif not _is_empty(record.cells):
            taken = self._take(record.line, record.end, record.cells)
            spans_lines = record.next_line - record.line > 1
            # Probably an unclosed quotation mark: reject only one line.
            yield self._unreadable(records.give_up_last()) if taken.reason and spans_lines else taken

    def _take(self, line: int, end: int, cells: list[str]) -> Taken:
        width = len(cells)
        if width != self._width:
            if width < self._width:
                return _rejected(line, end, cells, RowReason.FEWER_CELLS, self._address_in(cells))
            if any(cell.strip() for cell in cells[self._width :]):
                return _rejected(line, end, cells, RowReason.MORE_CELLS, self._address_in(cells))
        text = cells[self._email].strip()
        if not text:
            return _rejected(line, end, cells, RowReason.NO_ADDRESS, "")
        try:
            email, address = addresses.spellings(text)
        except ValueError:  # also from IDNA
            return _rejected(line, end, cells, RowReason.BAD_ADDRESS, text)
        known: dict[str, Any] = {}
        for at, name in self._texts:
            if cell := cells[at].strip():
                if len(cell) > values.LONGEST_VALUE:
                    return _rejected(line, end, cells, RowReason.TOO_LONG, cell)
                known[name] = cell
        for at, name, kind, options in self._others:
            cell = cells[at]
            if kind is FieldKind.NUMBER and cell.isdecimal() and cell.isascii() and len(cell) <= PLAIN_DIGITS:
                known[name] = int(cell)
                continue
            try:
                value = values.parse(cell, kind=kind, key=name, options=options)
            except Invalid as wrong:
                return _rejected(line, end, cells, RowReason(wrong.details["code"]), cells[at].strip())
            if value is not None:
                known[name] = value
        standing = Standing.SUBSCRIBED
        if self._standing:
            found = standing_of([(target, cells[at]) for at, target in self._standing])
            if found is None:
                words = ", ".join(cells[at].strip() for at, _target in self._standing)
                return _rejected(line, end, cells, RowReason.UNKNOWN_STATUS, words)
            standing = found
        begun = self._hash.copy()
        begun.update(address.encode())
        return Taken(line, end, email, address, begun.hexdigest(), known, standing, None, "", cells)

    def _unreadable(self, record: Record) -> Taken:
        reason = RowReason(str(record.fault))
        return _rejected(record.line, record.end, record.cells or [record.text], reason, record.text)

    def _address_in(self, cells: Sequence[str]) -> str:
        return cells[self._email] if len(cells) > self._email else ", ".join(cells)


def _is_empty(cells: Sequence[str]) -> bool:
    return not any(cell and not cell.isspace() for cell in cells)


def _rejected(line: int, end: int, cells: Sequence[str], reason: RowReason, value: str) -> Taken:
    return Taken(
        line,
        end,
        reason=reason,
        value=value[:LONGEST_VALUE_KEPT],
        cells=[cell[:LONGEST_CELL_KEPT] for cell in cells[:MOST_CELLS_KEPT]],
    )
