"""The fields of a message's head, as lenient as mail in the wild needs it."""

from __future__ import annotations

from campaigns.inbound.reading import limits
from campaigns.inbound.reading.decoding import text_of, words_of

_NAME = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


class Headers:
    """Fields by name, in their order; a name's case doesn't matter."""

    __slots__ = ("_fields",)

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name.lower(), []).append(value)

    def get(self, name: str) -> str:
        """The first field of that name, decoded; "" without one."""
        found = self._fields.get(name)
        return words_of(found[0]) if found else ""

    def written(self, name: str) -> str:
        """The same with its encoded words as they stand there: what they say is no syntax (RFC 2047 section 5)."""
        return next(iter(self._fields.get(name, ())), "")

    def all(self, name: str) -> list[str]:
        """All fields of that name, decoded."""
        return [words_of(value) for value in self._fields.get(name, ())]

    def has(self, name: str) -> bool:
        return name in self._fields

    def names(self) -> list[str]:
        """The names, in lower case."""
        return list(self._fields)

    def __bool__(self) -> bool:
        return bool(self._fields)


def split(block: bytes) -> tuple[Headers, bytes]:
    """The head and the body of what begins with a head. Lines end with LF."""
    fields: list[tuple[str, str]] = []
    at, end = 0, len(block)
    name, value = b"", b""
    while at < end:
        stop = block.find(b"\n", at)
        stop = end if stop < 0 else stop
        line = block[at : min(stop, at + limits.HEADER)]
        if not line.strip():
            at = stop + 1
            break
        if line[:1] in b" \t" and (name or at):
            if len(value) < limits.HEADER:
                value += b" " + line.strip()
        elif _is_envelope_line(line):
            pass
        elif found := _field(line):
            _add(fields, name, value)
            name, value = found
        else:
            break  # a body without an empty line before it
        at = stop + 1
        if len(fields) >= limits.HEADERS or at > limits.HEADER_BLOCK:
            at = _end_of_head(block, at)
            break
    _add(fields, name, value)
    return Headers(fields), block[at:]


def _end_of_head(block: bytes, at: int) -> int:
    found = block.find(b"\n\n", at - 1)
    return len(block) if found < 0 else found + 2


def _is_envelope_line(line: bytes) -> bool:
    return line.startswith((b"From ", b">From "))


def _field(line: bytes) -> tuple[bytes, bytes] | None:
    name, colon, value = line.partition(b":")
    name = name.rstrip()
    if not colon or not name or len(name) > 76 or not _NAME.issuperset(name):
        return None
    return name, value.strip()


def _add(fields: list[tuple[str, str]], name: bytes, value: bytes) -> None:
    if name:
        fields.append((name.decode("ascii", "replace"), text_of(value[: limits.HEADER], "")))


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """The value of a field like Content-Type and its parameters, both in lower case but for the values."""
    pieces = _pieces(value)
    found: dict[str, str] = {}
    for piece in pieces[1:]:
        name, equals, text = piece.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), text.strip().strip('"'))
    return pieces[0].strip().strip('"').lower(), found


def _pieces(value: str) -> list[str]:
    """Split at the semicolons outside of quotes."""
    if '"' not in value:
        return value.split(";")
    pieces, start, quoted = [], 0, False
    for at, letter in enumerate(value):
        if letter == '"':
            quoted = not quoted
        elif letter == ";" and not quoted:
            pieces.append(value[start:at])
            start = at + 1
    pieces.append(value[start:])
    return pieces
