"""Haraka: PIPELINING, but nothing may ride behind the final dot. It answers 503 to whatever does."""

from __future__ import annotations

from pathlib import Path

from tests.servers import npm
from tests.servers.cache import has, place
from tests.servers.private_root import HOST
from tests.servers.recording import PROGRAMS, RecordingServer
from tests.servers.server import PASSWORD, USER

PACKAGE = "Haraka@3.3.4"
# ffdhe2048 (RFC 7919): without any it would look for a prime of its own at every start.
_DH_PARAMETERS = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


class Haraka(RecordingServer):
    name = "haraka"
    adds = (b"Authentication-Results", b"Received")

    @classmethod
    def why_not(cls) -> str | None:
        return (
            npm.why_not()
            if has(cls.name, PACKAGE)
            else "Haraka has not been fetched: `make servers` does it."
        )

    @classmethod
    def fetch(cls) -> bool:
        return npm.fetch(cls.name, PACKAGE)

    def prepare(self) -> None:
        super().prepare()
        ports = self.ports
        listening = ",".join(f"127.0.0.1:{port}" for port in ports.values())
        files = {
            "config/connection.ini": (_program() / "config" / "connection.ini").read_text(),  # as it comes
            "config/smtp.ini": f"nodes=0\nlisten={listening}\nsmtps_port={ports['smtps']}\n",
            "config/me": HOST,
            "config/host_list": "example.org\n",
            "config/plugins": "tls\nauth/flat_file\nrcpt_to.in_host_list\nkeep\n",
            "config/dhparams.pem": _DH_PARAMETERS,
            "config/tls.ini": "key=key.pem\ncert=cert.pem\n",
            "config/key.pem": self.key.decode(),
            "config/cert.pem": self.certificate.decode(),
            "config/auth_flat_file.ini": (
                f"[core]\nmethods=PLAIN\nconstrain_sender=false\n[users]\n{USER}={PASSWORD}\n"
            ),
            "config/log.ini": "level=WARN\n",
            "config/told.json": self.told.read_text(),
            "plugins/keep.js": (PROGRAMS / "haraka_keep.js").read_text(),
        }
        for name, text in files.items():
            path = self.folder / "haraka" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def command(self) -> list[str]:
        program = _program() / "bin" / "haraka"
        return [npm.node() or "node", str(program), "-c", str(self.folder / "haraka")]


def _program() -> Path:
    return place(Haraka.name) / "node_modules" / "Haraka"
