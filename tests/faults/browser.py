"""An operator's browser over real HTTP: signs in with the form, keeps cookies and the CSRF token."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

from tests.factories import PASSWORD

TIMEOUT_S = 30
_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Browser:
    """`status`: of the last response; 0 if there was none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 0
        self.token = ""
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar), _Stay())

    def sign_in(self, email: str) -> None:
        self._learn(self.get("/sign-in"))
        self.post("/sign-in", {"email": email, "password": PASSWORD})
        self._learn(self.get("/campaigns"))
        assert self.status == 200, f"could not sign in: {self.status}"

    def get(self, path: str) -> str:
        return self._ask(urllib.request.Request(self.url + path))

    def post(self, path: str, values: Mapping[str, str] | None = None) -> str:
        data = urllib.parse.urlencode({"csrf_token": self.token, **(values or {})}).encode()
        return self._ask(urllib.request.Request(self.url + path, data=data))

    def _learn(self, page: str) -> None:
        found = _TOKEN.search(page)
        self.token = found[1] if found else self.token

    def _ask(self, request: urllib.request.Request) -> str:
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                self.status = answer.status
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            self.status = error.code
            return str(error.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException):
            self.status = 0
            return ""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Treats a redirect like any other response."""

    def redirect_request(self, *_: object) -> None:
        return None
