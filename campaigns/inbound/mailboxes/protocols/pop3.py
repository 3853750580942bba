"""A mailbox over POP3 (RFC 1939, 2449, 2595). poplib speaks the protocol; what a server claims is checked here."""

from __future__ import annotations

import poplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from campaigns.inbound.mailboxes.protocols.guarded_socket import Expired, Limits, TooMuch, context, dial
from campaigns.inbound.mailboxes.protocols.session import BATCH, Fetched, Item, MailboxError, Place, Target
from campaigns.inbound.troubles import Trouble
from campaigns.mail import auth, tls
from campaigns.mail.security import Security

LONGEST_LINE = 1024 * 1024  # many messages have longer ones than they may
WORDS = 64 * 1024
HEAD_LINES = 2000
FEW = 1000  # messages whose ids and sizes are asked for all at once
_ID = re.compile(rb"[\x21-\x7e]{1,70}")


class _Wire(poplib.POP3):
    """The library's connection over a guarded socket, with room for the lines that real messages have."""

    def __init__(self, target: Target, limits: Limits) -> None:
        self._target, self._limits = target, limits
        super().__init__(target.host, target.port)

    def _create_socket(self, timeout: Any) -> Any:
        return dial(self._target, self._limits, secure=self._target.security is Security.TLS)

    def _getline(self) -> tuple[bytes, int]:
        line: bytes = self.file.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise TooMuch
        if not line.endswith(b"\n"):
            raise EOFError
        return line[:-2] if line.endswith(b"\r\n") else line[:-1], len(line)

    def sign_in_by(self, mechanism: str, lines: Sequence[str]) -> None:
        """By a mechanism of SASL, in two steps as all providers take it (RFC 5034 section 4)."""
        send: Callable[[str], bytes] = self._shortcmd  # type: ignore[attr-defined]
        reply = send(f"AUTH {mechanism}")
        for line in lines:
            reply = send(line)
            if reply.startswith(b"+OK"):
                return
        raise poplib.error_proto(reply)


class Pop3Session:
    """A maildrop, locked until the session ends; a message's key is its UIDL."""

    validity: int | None = None

    def __init__(self, target: Target, limits: Limits, token: str | None) -> None:
        self._target, self._limits, self._token = target, limits, token
        self.has_keys = True
        self._keys: set[str] = set()
        with self._said():
            self._wire = _Wire(target, limits)
        try:
            self._enter()
            with self._said():
                self._count, _size = self._wire.stat()
        except BaseException:
            self.close()
            raise
        if self._count < 0:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "it has fewer messages than none")

    def count(self) -> int:
        return self._count

    def batches(self, place: Place, *, keeps: bool) -> Iterator[Sequence[Item]]:
        """By message number. Those kept on the server are listed anew each time: POP3 cannot ask for less."""
        if not self._count:
            return
        self.has_keys = self._knows_keys()
        if self.has_keys and (keeps or self._count <= FEW):
            yield from self._all()
            return
        first = place.position if keeps and place.position <= self._count else 0
        for start in range(first + 1, self._count + 1, BATCH):
            yield [self._item(number) for number in range(start, min(start + BATCH, self._count + 1))]

    def fetch(self, items: Sequence[Item], *, head_only: bool = False) -> Iterator[Fetched]:
        bounds = self._target.bounds
        for item in items:
            if head_only or item.size > bounds.message_size:
                raw = self._lines("TOP", item.number)
                yield Fetched(item, raw[: bounds.head_size], is_cut=True)
            else:
                yield Fetched(item, self._lines("RETR", item.number))

    def remove(self, items: Sequence[Item]) -> None:
        for item in items:
            with self._said(WORDS):
                self._wire.dele(item.number)

    def finish(self) -> None:
        """QUIT: only now the server deletes (RFC 1939 section 6)."""
        with self._said(WORDS):
            self._wire.quit()

    def extend(self, seconds: float) -> None:
        self._limits.extend(seconds)

    def close(self) -> None:
        wire = getattr(self, "_wire", None)
        if wire is not None:
            with suppress(Exception):
                wire.close()

    def wait(self, seconds: float) -> bool | None:
        """A maildrop does not change while it is open."""
        return None

    # -- steps

    def _enter(self) -> None:
        target = self._target
        if target.security is Security.STARTTLS:
            self._secure()
        try:
            with self._said(WORDS):
                if self._token is not None:
                    self._sign_in_by_token(self._token)
                else:
                    self._wire.user(target.username)
                    self._wire.pass_(target.password or "")
        except MailboxError as error:
            if error.trouble is Trouble.REFUSED:
                trouble = Trouble.REFUSED_SIGN_IN if self._token is None else Trouble.REFUSED_TOKEN
                raise MailboxError(trouble, error.text) from error
            raise

    def _secure(self) -> None:
        try:
            with self._said(WORDS):
                self._wire.stls(context(self._target, self._limits))
        except MailboxError as error:
            if error.trouble is Trouble.REFUSED:
                raise MailboxError(Trouble.NO_TLS, "the server does not offer STLS") from error
            raise

    def _sign_in_by_token(self, token: str) -> None:
        target, mechanism = self._target, self._mechanism()
        lines = auth.bearer(mechanism, target.username, token, host=target.host, port=target.port)
        self._wire.sign_in_by(mechanism, lines)

    def _mechanism(self) -> str:
        """XOAUTH2, which all providers know, unless the server offers OAUTHBEARER alone."""
        try:
            offered = self._wire.capa().get("SASL", [])
        except poplib.error_proto:
            offered = []
        return "OAUTHBEARER" if "OAUTHBEARER" in offered and "XOAUTH2" not in offered else "XOAUTH2"

    def _knows_keys(self) -> bool:
        try:
            self._key(1)
        except MailboxError as error:
            if error.trouble is Trouble.REFUSED:
                return False
            raise
        return True

    def _all(self) -> Iterator[Sequence[Item]]:
        """Ids and sizes by one command each."""
        with self._said():
            _reply, ids, _octets = self._wire.uidl()
        with self._said():
            _reply, sizes, _octets = self._wire.list()
        size_of = dict(_pairs(sizes))
        last, batch = 0, []
        for number, word in _pairs(ids):
            if not last < number <= self._count:
                raise MailboxError(Trouble.MAKES_NO_SENSE, "its message numbers are wrong")
            last = number
            batch.append(Item(self._unique(word), number, number, _size(size_of.get(number, b"0"))))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _item(self, number: int) -> Item:
        key = self._unique(self._key(number)) if self.has_keys else None
        with self._said(WORDS):
            reply: Any = self._wire.list(number)
        words = reply.split()
        return Item(key, number, number, _size(words[2] if len(words) > 2 else b"0"))

    def _key(self, number: int) -> bytes:
        with self._said(WORDS):
            words = self._wire.uidl(number).split()
        if len(words) < 3 or words[1] != b"%d" % number:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "a message without an id")
        return bytes(words[2])

    def _unique(self, word: bytes) -> str | None:
        """The id as text; None for one that no message may have, or that two have: they are told apart by content."""
        if not _ID.fullmatch(word):
            return None
        key = word.decode("ascii")
        if key in self._keys:
            return None
        self._keys.add(key)
        return key

    def _lines(self, command: str, number: int) -> bytes:
        with self._said(int(self._target.bounds.message_size * 1.1) + WORDS):
            if command == "TOP":
                _reply, lines, _octets = self._wire.top(number, HEAD_LINES)
            else:
                _reply, lines, _octets = self._wire.retr(number)
        return b"\r\n".join(lines) + b"\r\n"

    @contextmanager
    def _said(self, answer_size: int | None = None) -> Iterator[None]:
        """Run one command; whatever the library raises becomes a MailboxError."""
        self._limits.begin(answer_size)
        try:
            yield
        except TooMuch as error:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "its answer is far too long") from error
        except (Expired, TimeoutError) as error:
            raise MailboxError(Trouble.LATE) from error
        except ssl.SSLError as error:
            raise MailboxError(Trouble.NO_TLS, tls.reason(error)) from error
        except (EOFError, OSError) as error:
            raise MailboxError(Trouble.CLOSED) from error
        except poplib.error_proto as error:
            raise self._refusal(error) from error
        except (ValueError, TypeError, IndexError) as error:
            # The library stumbles over what no server should send.
            raise MailboxError(Trouble.MAKES_NO_SENSE, "it does not follow the protocol") from error

    def _refusal(self, error: poplib.error_proto) -> MailboxError:
        """What the server said, unless it speaks something else: the reply of another service is not shown."""
        said = error.args[0] if error.args else b""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        if not text.startswith("-ERR"):
            return MailboxError(Trouble.MAKES_NO_SENSE, "it does not follow the protocol")
        return MailboxError(Trouble.REFUSED, self._target.shown(text.removeprefix("-ERR"), self._token))


def _pairs(lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """`12 word` by line; raises MailboxError."""
    for line in lines:
        number, _space, word = line.partition(b" ")
        if not number.isdigit() or len(number) > 10:
            raise MailboxError(Trouble.MAKES_NO_SENSE, "its list of messages can't be read")
        yield int(number), word.strip()


def _size(word: bytes) -> int:
    if not word.isdigit() or len(word) > 15:
        raise MailboxError(Trouble.MAKES_NO_SENSE, "a size that is no number")
    return int(word)
