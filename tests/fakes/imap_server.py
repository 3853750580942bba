"""An IMAP server that can lie. It knows what a mailbox reader asks for."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

from tests.fakes.bearer import REFUSAL, Bearers
from tests.fakes.line_server import LineServer, Talk

CAPABILITIES = "IMAP4rev1 UIDPLUS MOVE IDLE AUTH=PLAIN"


class FakeImap(LineServer):
    """`folder` maps UIDs to messages; more can be put in at any time with `put`."""

    def __init__(
        self, *messages: bytes, user: str = "bounce", password: str = "secret", **options: object
    ) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.user, self.password = user, password
        self.capabilities = CAPABILITIES
        self.validity = 7
        self.next_uid = 1
        self.folder: dict[int, bytes] = {}
        self.others: dict[str, list[bytes]] = {}
        self.deleted: set[int] = set()
        self.bearers = Bearers(user)
        for each in messages:
            self.put(each)

    def put(self, message: bytes) -> int:
        self.folder[self.next_uid] = message
        self.next_uid += 1
        return self.next_uid - 1

    def serve(self, talk: Talk) -> None:
        if not self.lied("greeting", talk, b""):
            talk.say(f"* OK [CAPABILITY {self.capabilities}] ready")
        while line := talk.line():
            tag, name, rest = (line + b"  ").split(b" ", 2)
            word, rest = name.decode().upper(), rest.strip()
            if word == "UID":
                second, _space, rest = rest.partition(b" ")
                word = f"UID {second.decode().upper()}"
            if self.lied(word, talk, tag + b" " + rest):
                continue
            method = getattr(self, "do_" + word.lower().replace(" ", "_"), None)
            if method is None:
                talk.say(tag + b" BAD unknown command")
                continue
            method(talk, tag, rest)
            if word == "LOGOUT":
                return

    # -- commands

    def do_capability(self, talk: Talk, tag: bytes, _rest: bytes) -> None:
        talk.say(f"* CAPABILITY {self.capabilities}", tag + b" OK done")

    def do_noop(self, talk: Talk, tag: bytes, _rest: bytes) -> None:
        talk.say(tag + b" OK done")

    def do_starttls(self, talk: Talk, tag: bytes, _rest: bytes) -> None:
        talk.say(tag + b" OK begin")
        talk.secure()

    def do_login(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        user, password = re.findall(rb'"?([^" ]+)"?', rest)
        self._answer(talk, tag, (user.decode(), password.decode()) == (self.user, self.password))

    def do_authenticate(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        talk.say("+ ")
        line, mechanism = talk.line(), rest.decode().upper()
        if mechanism == "PLAIN":
            self._answer(talk, tag, b64decode(line).decode() == f"\0{self.user}\0{self.password}")
            return
        is_right = self.bearers.is_right(mechanism, line)
        if not is_right and not self.bearers.is_blunt:
            talk.say(b"+ " + REFUSAL)
            self.bearers.note_end(mechanism, talk.line())
        self._answer(talk, tag, is_right)
        if not is_right and self.bearers.hangs_up:
            talk.hang_up()

    def _answer(self, talk: Talk, tag: bytes, is_right: bool) -> None:
        if is_right:
            talk.say(tag + f" OK [CAPABILITY {self.capabilities}] in".encode())
        else:
            talk.say(tag + b" NO [AUTHENTICATIONFAILED] Wrong user or password")

    def do_select(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        if rest.strip(b'"').upper() != b"INBOX":
            talk.say(tag + b" NO No such folder")
            return
        talk.say(
            f"* {len(self.folder)} EXISTS",
            "* 0 RECENT",
            rb"* FLAGS (\Seen \Deleted)",
            f"* OK [UIDVALIDITY {self.validity}] ok",
            f"* OK [UIDNEXT {self.next_uid}] ok",
            tag + b" OK [READ-WRITE] open",
        )

    def do_fetch(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        numbers, _space, _what = rest.partition(b" ")
        uids = list(self.folder)
        for number in _numbers(numbers):
            if 0 < number <= len(uids):
                uid = uids[number - 1]
                talk.say(f"* {number} FETCH (UID {uid} RFC822.SIZE {self.size_of(uid)})")
        talk.say(tag + b" OK done")

    def size_of(self, uid: int) -> int:
        return len(self.folder[uid])

    def do_uid_fetch(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        numbers, _space, what = rest.partition(b" ")
        self.counts["messages fetched"] += len(list(_numbers(numbers)))
        found = re.search(rb"<0\.(\d+)>", what)
        assert found, what
        for uid in _numbers(numbers):
            if uid in self.folder:
                raw = self.folder[uid][: int(found[1])]
                number = list(self.folder).index(uid) + 1
                talk.sock.sendall(f"* {number} FETCH (UID {uid} BODY[]<0> {{{len(raw)}}}\r\n".encode() + raw)
                talk.say(b")")
        talk.say(tag + b" OK done")

    def do_uid_store(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        self.deleted |= set(_numbers(rest.partition(b" ")[0]))
        talk.say(tag + b" OK done")

    def do_uid_expunge(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        self._expunge(set(_numbers(rest)) & self.deleted)
        talk.say(tag + b" OK done")

    def do_expunge(self, talk: Talk, tag: bytes, _rest: bytes) -> None:
        self._expunge(self.deleted)
        talk.say(tag + b" OK done")

    def _expunge(self, uids: set[int]) -> None:
        self.folder = {uid: raw for uid, raw in self.folder.items() if uid not in uids}

    def do_uid_move(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        if self._copy(talk, tag, rest):
            self._expunge(set(_numbers(rest.partition(b" ")[0])))
            talk.say(tag + b" OK moved")

    def do_uid_copy(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        if self._copy(talk, tag, rest):
            talk.say(tag + b" OK copied")

    def _copy(self, talk: Talk, tag: bytes, rest: bytes) -> bool:
        numbers, _space, name = rest.partition(b" ")
        folder = name.decode().strip('"')
        if folder not in self.others:
            talk.say(tag + b" NO [TRYCREATE] No such folder")
            return False
        self.others[folder] += [self.folder[uid] for uid in _numbers(numbers) if uid in self.folder]
        return True

    def do_create(self, talk: Talk, tag: bytes, rest: bytes) -> None:
        self.others[rest.decode().strip('"')] = []
        talk.say(tag + b" OK made")

    def do_idle(self, talk: Talk, tag: bytes, _rest: bytes) -> None:
        talk.say("+ idling")
        if self.on_idle is not None:
            self.on_idle(talk)
        if talk.line() == b"DONE":  # a client that was killed says nothing
            talk.say(tag + b" OK done")

    on_idle: object = None

    def do_logout(self, talk: Talk, tag: bytes, _rest: bytes) -> None:
        talk.say("* BYE bye", tag + b" OK done")


def _numbers(words: bytes) -> Iterator[int]:
    for word in words.strip().split(b","):
        first, _colon, last = word.partition(b":")
        yield from range(int(first), int(last or first) + 1)
