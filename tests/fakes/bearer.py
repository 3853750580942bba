"""What a server does with an access token: XOAUTH2 as its providers describe it, OAUTHBEARER (RFC 7628)."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

REFUSAL = b64encode(json.dumps({"status": "invalid_token", "schemes": "bearer"}).encode())
_SHAPES = {
    "XOAUTH2": re.compile("user=([^\1]+)\1auth=Bearer ([^\1]+)\1\1"),
    "OAUTHBEARER": re.compile("n,a=([^,\1]+),\1(?:host=[^\1]*\1)?(?:port=[0-9]*\1)?auth=Bearer ([^\1]+)\1\1"),
}
_AFTER_REFUSAL = {"XOAUTH2": b"", "OAUTHBEARER": b64encode(b"\1")}


@dataclass
class Bearers:
    """The tokens that are good for `user`. `given` has those that came; `wrongs` what no client should send.

    A token is refused within a challenge that the client has to answer, or at once (`is_blunt`).
    """

    user: str
    good: set[str] = field(default_factory=set)
    mechanisms: tuple[str, ...] = ("XOAUTH2",)
    is_blunt: bool = False
    hangs_up: bool = False  # after a refusal
    given: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    def is_right(self, mechanism: str, line: bytes) -> bool:
        """Whether that line signs in."""
        text = b64decode(line, validate=True).decode()
        found = _SHAPES[mechanism].fullmatch(text)
        if found is None or mechanism not in self.mechanisms:
            self.wrongs.append(f"{mechanism} {text!r}")
            return False
        self.given.append(found[2])
        name = found[1].replace("=2C", ",").replace("=3D", "=") if mechanism == "OAUTHBEARER" else found[1]
        return name == self.user and found[2] in self.good

    def note_end(self, mechanism: str, line: bytes) -> None:
        """What the client said to the challenge."""
        if line != _AFTER_REFUSAL[mechanism]:
            self.wrongs.append(f"{line!r} after a refusal")
