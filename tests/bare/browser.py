"""A stranger's browser without a browser: cookies, pages, and forms sent as they stand but for what is filled in."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import CookieJar


class Fields(HTMLParser):
    """The values that the first form of a page would send."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.values):
            self.values[self._select] = given.get("value", "")
        elif (
            tag == "input" and given.get("name") and given.get("type") not in ("checkbox", "radio", "submit")
        ):
            self.values[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


class Browser:
    """Keeps its cookies."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, url: str) -> tuple[int, str]:
        """Status and page, after redirects."""
        return self._open(urllib.request.Request(url))

    def fill(self, url: str, **values: str) -> tuple[int, str]:
        """Open a page, fill its form in and send it; status and page of the answer, after redirects."""
        _status, page = self.get(url)
        fields = Fields()
        fields.feed(page)
        data = urllib.parse.urlencode({**fields.values, **values}).encode()
        return self._open(urllib.request.Request(url, data=data, headers={"Referer": url}))

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(errors="replace")
