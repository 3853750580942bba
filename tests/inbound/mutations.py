"""Messages with something wrong: samples cut, doubled, spliced and filled with rubbish, each by its seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.inbound.samples import samples

_RUBBISH = (
    *(
        b"\0",
        b"\r",
        b"\n\n",
        b"\x1b$B",
        b"=?utf-8?b?",
        b"=?x?q?=ff?=",
        b"\xff\xfe",
        b"--",
        b"@",
        b"<>",
        b";;",
        b"(" * 50,
    ),
    *(
        b"Content-Type: multipart/mixed; boundary=\n",
        b"Content-Type: message/rfc822\n",
        b"Content-Transfer-Encoding: base64\n",
    ),
    *(
        b"Final-Recipient: rfc822;",
        b"Status: 9.9.9",
        b"\\x{110000}",
        b"+ZZ",
        b"550 5.1.1 ",
        b": " * 30,
        b"\t" * 200,
        b"From ",
    ),
)
MOST = 30_000  # bytes: a mutation of one is no larger


def mutated(seed: int) -> bytes:
    """The message of that seed, always the same."""
    chance = random.Random(seed)
    raw = chance.choice(samples()).raw
    for _time in range(chance.randint(1, 6)):
        raw = chance.choice(_WAYS)(raw, chance)[:MOST]
    return raw


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randint(0, len(raw))]


def _without_some(raw: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(raw))
    return raw[:start] + raw[start + chance.randint(1, 200) :]


def _flipped(raw: bytes, chance: random.Random) -> bytes:
    changed = bytearray(raw)
    for _time in range(chance.randint(1, 50) if changed else 0):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _with_rubbish(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + chance.choice(_RUBBISH) * chance.randint(1, 20) + raw[at:]


def _doubled(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    at = chance.randrange(len(lines))
    return b"\n".join(lines[:at] + lines[at : at + 5] * chance.randint(1, 40) + lines[at:])


def _shuffled(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _spliced(raw: bytes, chance: random.Random) -> bytes:
    other = chance.choice(samples()).raw
    return raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_cut, _without_some, _flipped, _with_rubbish, _doubled, _shuffled, _spliced),
)
