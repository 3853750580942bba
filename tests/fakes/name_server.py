"""A name server on loopback with the TXT and MX records that a test gives it.

    with NameServer({"example.com": ["v=spf1 -all"]}) as dns: …   # dns.address is for DNS_SERVER

Names it does not hold do not exist; a name in `silent` is never answered.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    def __init__(
        self,
        records: Mapping[str, Sequence[str]] | None = None,
        *,
        exchangers: Mapping[str, Sequence[str]] | None = None,
        silent: Sequence[str] = (),
    ) -> None:
        self.records = dict(records or {})
        self.exchangers = dict(exchangers or {})
        self.silent = set(silent)
        self.asked: list[str] = []

    def __enter__(self) -> NameServer:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = ("127.0.0.1", self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(b"", self.address)
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            raw, client = self._socket.recvfrom(65535)
            if not raw:
                return
            answer = self._answer(dns.message.from_wire(raw))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        name = query.question[0].name
        text = name.to_text(omit_final_dot=True).lower()
        self.asked.append(text)
        if text in self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if text not in self.records and text not in self.exchangers:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        found = {"TXT": map(_quoted, self.records.get(text, ())), "MX": self.exchangers.get(text, ())}.get(
            kind
        )
        values = list(found or ())
        if values:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
        return answer


def _quoted(text: str) -> str:
    """The text in strings of at most 255 characters, as in a zone file."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))
