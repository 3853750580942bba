"""Rows of a file as people. Pure, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.audience import values
from campaigns.audience.imports.columns import EMAIL, IGNORE
from campaigns.audience.imports.reasons import RowReason
from campaigns.audience.models import Field
from campaigns.core import addresses, signing
from campaigns.core.csvfile import Record, Records
from campaigns.core.errors import Invalid

LONGEST_CELL_KEPT = 200  # of a rejected row
MOST_CELLS_KEPT = 100
LONGEST_VALUE_KEPT = 320


@dataclass(frozen=True, slots=True)
class Taken:
    """One row: a person, or the reason for its rejection. `end`: where the next row begins, in bytes."""

    line: int
    end: int
    email: str = ""
    address: str = ""
    address_key: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    reason: RowReason | None = None
    value: str = ""
    cells: list[str] = field(default_factory=list)


class RowReader:
    """Reads rows by the columns' targets."""

    def __init__(
        self, columns: Sequence[str], targets: Sequence[str], fields: Iterable[Field], link_key: bytes
    ) -> None:
        kinds = {each.key: each.kind for each in fields}  # plain values: rows are used across many commits
        self._width = len(columns)
        self._email = targets.index(EMAIL)
        self._fields = [
            (at, target, kinds[target])
            for at, target in enumerate(targets)
            if target not in (EMAIL, IGNORE) and target in kinds
        ]
        self._link_key = link_key

    def rows(self, records: Records) -> Iterator[Taken]:
        """Every row that is not empty."""
        for record in records:
            if record.fault:
                yield self._unreadable(record)
                continue
            if not any(cell and not cell.isspace() for cell in record.cells):
                continue
            taken = self._take(record)
            spans_lines = record.next_line - record.line > 1
            # Probably an unclosed quotation mark: reject only one line.
            yield self._unreadable(records.give_up_last()) if taken.reason and spans_lines else taken

    def _take(self, record: Record) -> Taken:
        cells = record.cells
        if len(cells) < self._width:
            return self._rejected(record, RowReason.FEWER_CELLS, self._address_in(cells))
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            return self._rejected(record, RowReason.MORE_CELLS, self._address_in(cells))
        text = cells[self._email].strip()
        if not text:
            return self._rejected(record, RowReason.NO_ADDRESS, "")
        try:
            email, address = addresses.clean(text), addresses.normalise(text)
        except ValueError:  # also from IDNA
            return self._rejected(record, RowReason.BAD_ADDRESS, text)
        known: dict[str, Any] = {}
        for at, name, kind in self._fields:
            cell = cells[at]
            if not cell:
                continue
            try:
                value = values.parse(cell, kind=kind, key=name)
            except Invalid as wrong:
                return self._rejected(record, RowReason(wrong.details["code"]), cell.strip())
            if value is not None:
                known[name] = value
        key = signing.address_key(self._link_key, address)
        return Taken(record.line, record.end, email, address, key, known, cells=cells)

    def _unreadable(self, record: Record) -> Taken:
        return self._rejected(record, RowReason(str(record.fault)), record.text)

    def _address_in(self, cells: Sequence[str]) -> str:
        return cells[self._email] if len(cells) > self._email else ", ".join(cells)

    def _rejected(self, record: Record, reason: RowReason, value: str) -> Taken:
        return Taken(
            record.line,
            record.end,
            reason=reason,
            value=value[:LONGEST_VALUE_KEPT],
            cells=[cell[:LONGEST_CELL_KEPT] for cell in (record.cells or [record.text])[:MOST_CELLS_KEPT]],
        )
