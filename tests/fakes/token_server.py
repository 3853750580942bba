"""A token endpoint on loopback (RFC 6749 section 6) with scripted responses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

GIVEN = (200, {"access_token": "access", "expires_in": 3600})
REFUSED = (400, {"error": "invalid_grant"})
Answer = tuple[int, dict[str, Any] | bytes] | Callable[[BinaryIO], object]


class TokenServer:
    """Responds with the next of `answers` each time; repeats the last one. An answer is a status and JSON (or other
    bytes), or a function that writes all of it. `elsewhere` is where a status of 302 leads."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.elsewhere = ""
        self.followed = 0  # redirects to here
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.asked.append(dict(parse_qsl(self.rfile.read(length).decode())))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                with suppress(OSError):  # the client does not wait for the end of every answer
                    if callable(answer):
                        answer(self.wfile)
                    else:
                        self._send(*answer)

            def do_GET(self) -> None:
                outer.followed += 1
                self._send(*GIVEN)

            def _send(self, status: int, body: dict[str, Any] | bytes) -> None:
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", outer.elsewhere or outer.url + "/elsewhere")
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def __enter__(self) -> TokenServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
