"""A mailbox over IMAP4rev1 (RFC 3501, 9051). IMAPClient speaks the protocol; what a server claims is checked here."""

from __future__ import annotations

import imaplib
import logging
import select
import ssl
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError, ProtocolError

from campaigns.inbound.mailboxes.protocols.guarded_socket import Expired, Limits, TooMuch, context, dial
from campaigns.inbound.mailboxes.protocols.session import BATCH, Fetched, Item, MailboxError, Place, Target
from campaigns.inbound.troubles import Trouble
from campaigns.mail import auth, tls
from campaigns.mail.security import Security

LARGEST_UID = 2**32 - 1
LONGEST_LINE = 512 * 1024
WORDS = 64 * 1024  # bytes of an answer beside the literals
DELETED = b"\\Deleted"
_SIZE, _UID = b"RFC822.SIZE", b"UID"

logging.getLogger("imapclient").setLevel(logging.WARNING)  # it would keep every line, passwords among them


class _Wire(imaplib.IMAP4):
    """The library's connection over a guarded socket."""

    def __init__(self, target: Target, limits: Limits) -> None:
        self._target, self._limits = target, limits
        super().__init__(target.host, target.port)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.sock = dial(self._target, self._limits, secure=self._target.security is Security.TLS)
        self.file = self.sock.makefile("rb")

    def read(self, size: int) -> bytes:
        """A literal; one that is larger than the answer may be is refused before there is room made for it."""
        if size > self._limits.left + WORDS:
            raise TooMuch
        found: bytes = self.file.read(size)  # type: ignore[assignment]
        return found

    def readline(self) -> bytes:
        line: bytes = self.file.readline(  # type: ignore[assignment]
            LONGEST_LINE + 1
        )
        if len(line) > LONGEST_LINE:
            raise TooMuch
        return line


class _Client(IMAPClient):
    def __init__(self, target: Target, limits: Limits) -> None:
        self._target, self._limits = target, limits
        super().__init__(target.host, target.port, ssl=False)
        self._imap.debug = 0

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 (the library's name)
        return _Wire(self._target, self._limits)


class ImapSession:
    """An open folder; `validity` is its UIDVALIDITY, a message's key that and its UID."""

    has_keys = True

    def __init__(self, target: Target, limits: Limits, token: str | None) -> None:
        self._target, self._limits, self._token = target, limits, token
        self.validity: int | None = None
        self._count = 0
        with self._said():
            self._client = _Client(target, limits)
        try:
            self._enter()
            self._select()
        except BaseException:
            self.close()
            raise

    def count(self) -> int:
        return self._count

    def batches(self, place: Place, *, keeps: bool) -> Iterator[Sequence[Item]]:
        """In the order of UIDs. The folder is opened again for each: numbers change when messages are removed."""
        after = place.position if keeps and place.validity == self.validity else 0
        first = 1
        while True:
            self._select()
            first = self._first_after(after, guess=first)
            items = self._listed(first)
            if not items:
                return
            if items[0].number <= after:
                raise MailboxError(Trouble.MAKES_NO_SENSE, "its message ids go backwards")
            yield items
            after = items[-1].number
            first += len(items) if keeps else 0

    def fetch(self, items: Sequence[Item], *, head_only: bool = False) -> Iterator[Fetched]:
        bounds = self._target.bounds
        small = [] if head_only else [each for each in items if each.size <= bounds.message_size]
        yield from self._fetched(small, bounds.message_size)
        large = [each for each in items if each not in small]
        yield from self._fetched(large, bounds.head_size)

    def remove(self, items: Sequence[Item]) -> None:
        uids = [each.number for each in items]
        if not uids:
            return
        folder = self._target.done_folder
        if folder and self._client.has_capability("MOVE"):
            self._into(folder, lambda: self._client.move(uids, folder))
            return
        if folder:
            self._into(folder, lambda: self._client.copy(uids, folder))
        with self._said():
            self._client.add_flags(uids, [DELETED], silent=True)
        with self._said():
            # Without UIDPLUS, what others have marked as deleted goes too.
            self._client.expunge(uids if self._client.has_capability("UIDPLUS") else None)

    def finish(self) -> None:
        with self._said():
            self._client.logout()

    def extend(self, seconds: float) -> None:
        self._limits.extend(seconds)

    def close(self) -> None:
        client = getattr(self, "_client", None)
        if client is not None:
            with suppress(Exception):
                client.shutdown()

    def wait(self, seconds: float) -> bool | None:
        """By IDLE (RFC 2177)."""
        if not self._client.has_capability("IDLE"):
            return None
        with self._said():
            self._client.idle()
            select.select([self._client.socket()], [], [], seconds)
            _text, said = self._client.idle_done()
        return any(b"EXISTS" in each for each in said if isinstance(each, tuple))

    # -- steps

    def _enter(self) -> None:
        target = self._target
        with self._said():
            if target.security is Security.STARTTLS:
                if not self._client.has_capability("STARTTLS"):
                    raise MailboxError(Trouble.NO_TLS, "the server does not offer STARTTLS")
                try:
                    self._client.starttls(context(target, self._limits))
                except ssl.SSLError as error:
                    raise MailboxError(Trouble.NO_TLS, tls.reason(error)) from error
            self._sign_in()

    def _sign_in(self) -> None:
        target, client = self._target, self._client
        try:
            if self._token is not None:
                self._sign_in_by_token(self._token)
            elif client.has_capability("AUTH=PLAIN"):
                client.plain_login(target.username, target.password or "")
            else:
                client.login(target.username, target.password or "")
        except IMAPClientAbortError:
            raise
        except (LoginError, IMAPClientError, UnicodeError) as error:
            trouble = Trouble.REFUSED_SIGN_IN if self._token is None else Trouble.REFUSED_TOKEN
            raise MailboxError(trouble, self._text(error)) from error

    def _sign_in_by_token(self, token: str) -> None:
        target = self._target
        mechanism = "OAUTHBEARER" if self._client.has_capability("AUTH=OAUTHBEARER") else "XOAUTH2"
        lines = iter(auth.bearer(mechanism, target.username, token, host=target.host, port=target.port))

        def respond(_challenge: bytes) -> bytes:
            line = next(lines, None)
            if line is None:
                raise MailboxError(Trouble.MAKES_NO_SENSE, "it does not follow the protocol")
            return b64decode(line)

        self._client.sasl_login(mechanism, respond)

    def _select(self) -> None:
        try:
            with self._said():
                found = self._client.select_folder(self._target.folder)
        except MailboxError as error:
            if error.trouble is Trouble.REFUSED:
                raise MailboxError(Trouble.NO_FOLDER, f"{self._target.folder} ({error.text})") from error
            raise
        validity = found.get(b"UIDVALIDITY", 0)
        if self.validity is not None and validity != self.validity:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "UIDVALIDITY changed during the session")
        self.validity, self._count = int(validity), int(found.get(b"EXISTS", 0))

    def _first_after(self, uid: int, *, guess: int) -> int:
        """The number of the first message with a larger UID; one more than there are without one.

        The one that is expected is tried first, then it is halved: a large folder costs a few commands.
        """
        if uid == 0:
            return 1
        low, high, tried = 1, self._count + 1, min(guess, self._count)
        if tried and self._uid_at(tried) > uid:
            high = tried
            if tried == 1 or self._uid_at(tried - 1) <= uid:
                return tried
        elif tried:
            low = tried + 1
        while low < high:
            middle = (low + high) // 2
            if self._uid_at(middle) > uid:
                high = middle
            else:
                low = middle + 1
        return low

    def _uid_at(self, number: int) -> int:
        found = self._by_number([number], ["UID"])
        return self._uid(found.get(number, {}))

    def _listed(self, first: int) -> list[Item]:
        """The messages from that number on, at most a batch, with rising UIDs; raises MailboxError."""
        numbers = list(range(first, min(first + BATCH, self._count + 1)))
        if not numbers:
            return []
        found = self._by_number(numbers, ["UID", "RFC822.SIZE"])
        items, last = [], 0
        for number in numbers:
            if number not in found:
                continue
            uid, size = self._uid(found[number]), found[number].get(_SIZE, 0)
            if uid <= last or not isinstance(size, int) or size < 0:
                raise MailboxError(Trouble.MAKES_NO_SENSE, "its message ids or sizes are wrong")
            items.append(Item(f"{self.validity}:{uid}", uid, uid, size))
            last = uid
        if not items:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "it counts messages that it does not list")
        return items

    def _uid(self, found: dict[bytes, Any]) -> int:
        uid = found.get(_UID)
        if not isinstance(uid, int) or not 0 < uid <= LARGEST_UID:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "a message without an id")
        return uid

    def _by_number(self, numbers: list[int], what: list[str]) -> dict[int, dict[bytes, Any]]:
        with self._said():
            self._client.use_uid = False
            try:
                found: dict[int, dict[bytes, Any]] = self._client.fetch(numbers, what)
            finally:
                self._client.use_uid = True
        return found

    def _fetched(self, items: Sequence[Item], most: int) -> Iterator[Fetched]:
        if not items:
            return
        # The server cuts what it sends: its word on sizes is not needed.
        what = f"BODY.PEEK[]<0.{most}>"
        expected = [min(each.size * 2 + WORDS, most) for each in items] if len(items) > 1 else [most]
        with self._said(sum(expected) + WORDS):
            found = self._client.fetch([each.number for each in items], [what])
        for item in items:
            raw = found.get(item.number, {}).get(b"BODY[]<0>")
            if isinstance(raw, bytes):
                yield Fetched(item, raw[:most], is_cut=len(raw) >= most)

    def _into(self, folder: str, move: Any) -> None:
        """Move; the folder is made when it is missing."""
        try:
            with self._said():
                move()
        except MailboxError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            with self._said():
                self._client.create_folder(folder)
            with self._said():
                move()

    @contextmanager
    def _said(self, answer_size: int | None = None) -> Iterator[None]:
        """Run one command; whatever the library raises becomes a MailboxError."""
        self._limits.begin(answer_size)
        try:
            yield
        except MailboxError:
            raise
        except TooMuch as error:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "its answer is far too long") from error
        except (Expired, TimeoutError) as error:
            raise MailboxError(Trouble.LATE) from error
        except IMAPClientAbortError as error:
            if "EOF" in str(error) or "BYE" in str(error):
                raise MailboxError(Trouble.CLOSED) from error
            raise MailboxError(Trouble.MAKES_NO_SENSE, "it does not follow the protocol") from error
        except ProtocolError as error:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "it does not follow the protocol") from error
        except IMAPClientError as error:
            raise MailboxError(Trouble.REFUSED, self._text(error)) from error
        except OSError as error:
            raise MailboxError(Trouble.CLOSED) from error
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            # The library stumbles over what no server should send.
            raise MailboxError(Trouble.MAKES_NO_SENSE, "it does not follow the protocol") from error

    def _text(self, error: Exception) -> str:
        """The server's reply in an error of the library, on one line."""
        return self._target.shown(str(error).replace("b'", "'"), self._token)
