"""How much of a message is looked at. What lies beyond is left out, never an error."""

from __future__ import annotations

WHOLE = 10_000_000  # bytes; of a larger message only the beginning is read
BEGINNING = 1_000_000  # bytes
PARTS = 100
DEPTH = 10
MARKS = 5_000  # places of one part that look like a boundary
HEADERS = 500  # fields of one part
HEADER = 8_000  # bytes of one field
HEADER_BLOCK = 200_000  # bytes of all fields of one part
TEXT = 100_000  # bytes of one part that are decoded
LINES = 2_000  # of a text
FIELDS = 4_000  # of a delivery report
GROUPS = 500  # recipients of a delivery report
ADDRESSES = 500  # in one text
BARE_SIGNS = 50  # @ without an address, in one text
JUDGED = 150_000  # letters of a bounce that reasons are read from, all recipients together
