"""A message as a tree of parts, within limits: as many parts and as deep as a report ever is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from campaigns.inbound.reading import limits
from campaigns.inbound.reading.decoding import plain, text_of, transferred
from campaigns.inbound.reading.headers import Headers, parameters, split


@dataclass(slots=True)
class Part:
    """One part. `kind` is its content type in lower case; `body` is as transferred."""

    headers: Headers
    body: bytes
    kind: str
    options: dict[str, str]
    children: list[Part] = field(default_factory=list)

    def content(self) -> bytes:
        """The body without its transfer encoding, the beginning of a long one."""
        return transferred(self.body, self.headers.get("content-transfer-encoding"))

    def text(self) -> str:
        """The body as text; of HTML what is read of it."""
        text = text_of(self.content(), self.options.get("charset", ""))
        return plain(text) if self.kind == "text/html" else text

    def walk(self) -> Iterator[Part]:
        """This part and all beneath it."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(raw: bytes) -> Part:
    """The tree of a message; takes any bytes."""
    if len(raw) > limits.WHOLE:
        raw = raw[: limits.BEGINNING]
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n\0")
    return _Parser().part(raw, 0)


class _Parser:
    def __init__(self) -> None:
        self._left = limits.PARTS

    def part(self, block: bytes, depth: int, usual: str = "text/plain") -> Part:
        self._left -= 1
        headers, body = split(block)
        kind, options = parameters(headers.get("content-type"))
        if "/" not in kind:
            kind = usual
        made = Part(headers, body, kind, options)
        if kind.startswith("multipart/") and depth < limits.DEPTH:
            inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
            for piece in self._pieces(body, options.get("boundary", "")):
                if self._left <= 0:
                    break
                made.children.append(self.part(piece, depth + 1, inner))
        return made

    def _pieces(self, body: bytes, boundary: str) -> Iterator[bytes]:
        """What stands between the lines of a boundary; of a part cut short, what there is."""
        mark = b"--" + boundary.rstrip().encode("utf-8", "replace")
        if len(mark) == 2:
            mark = _guessed(body)
        start = -1
        at = seen = 0
        while mark and seen < limits.MARKS and (found := body.find(mark, at)) >= 0:
            seen += 1
            at = found + len(mark)
            if found and body[found - 1] != 0x0A:
                continue
            stop = body.find(b"\n", at)
            tail = body[at : stop if stop >= 0 else len(body)].strip()
            if tail not in (b"", b"--"):
                continue  # a longer boundary that begins like this one
            if start >= 0:
                yield body[start : max(start, found - 1)]
            start = stop + 1 if stop >= 0 else len(body)
            if tail == b"--":
                return
        if start >= 0:
            yield body[start:]


def _guessed(body: bytes) -> bytes:
    """The first line that looks like a boundary, where the head names none."""
    if body.startswith(b"--"):
        start = 0
    else:
        start = body.find(b"\n--") + 1
        if not start:
            return b""
    line = body[start : body.find(b"\n", start)].rstrip()
    return line if 4 < len(line) < 80 and b" " not in line else b""
