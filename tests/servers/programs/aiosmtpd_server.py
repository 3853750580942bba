"""`aiosmtpd_server.py told.json`: a server that keeps each mail in a file, its address on the first line."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_numbers = itertools.count(1)


class Recorder:
    def __init__(self, told: dict[str, Any]) -> None:
        self.partial, self.inbox = Path(told["partial"]), Path(told["inbox"])

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content
        assert isinstance(raw, bytes)
        for address in envelope.rcpt_tos:
            name = f"{time.time_ns()}-{os.getpid()}-{next(_numbers)}"
            (self.partial / name).write_bytes(address.encode() + b"\n" + raw)
            (self.partial / name).rename(self.inbox / name)
        return "250 2.0.0 kept"


async def main(told: dict[str, Any]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(told["certificate"], told["key"])
    expected = LoginPassword(told["user"].encode(), told["password"].encode())

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        return AuthResult(success=mechanism == "PLAIN" and given == expected)

    recorder = Recorder(told)
    shared: dict[str, Any] = {"hostname": "mx.example.net", "loop": asyncio.get_running_loop()}
    ways: dict[str, dict[str, Any]] = {
        "smtp": {"tls_context": context},
        "smtps": {},
        "submission": {
            "tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True,
        },
    }  # fmt: skip
    servers = [
        await asyncio.get_running_loop().create_server(
            lambda options=ways[way]: SMTP(recorder, **shared, **options),
            "127.0.0.1",
            port,
            ssl=context if way == "smtps" else None,
        )
        for way, port in told["ports"].items()
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
