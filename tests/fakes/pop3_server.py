"""A POP3 server that can lie. What is deleted is gone after QUIT alone, as the standard has it."""

from __future__ import annotations

from tests.fakes.bearer import REFUSAL, Bearers
from tests.fakes.line_server import LineServer, Talk


class FakePop3(LineServer):
    """`drop` has (id, message) in order; an id of None: the server knows no UIDL."""

    def __init__(
        self, *messages: bytes, user: str = "bounce", password: str = "secret", **options: object
    ) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.user, self.password = user, password
        self.drop: list[tuple[str, bytes]] = []
        self.knows_ids = True
        self.bearers = Bearers(user)
        for each in messages:
            self.put(each)

    def put(self, message: bytes, key: str | None = None) -> None:
        self.drop.append((key or f"id{len(self.drop) + self.counts['put'] * 1000}", message))
        self.counts["put"] += 1

    def serve(self, talk: Talk) -> None:
        drop, gone = list(self.drop), set[int]()
        if not self.lied("greeting", talk, b""):
            talk.say("+OK ready")
        while line := talk.line():
            name, _space, rest = line.partition(b" ")
            word = name.decode("ascii", "replace").upper()
            if self.lied(word, talk, rest):
                continue
            if word == "QUIT":
                self.drop = [each for each in self.drop if each not in [drop[number - 1] for number in gone]]
                talk.say("+OK bye")
                return
            self._do(word, talk, rest, drop, gone)

    def _do(self, word: str, talk: Talk, rest: bytes, drop: list[tuple[str, bytes]], gone: set[int]) -> None:
        numbers = [int(each) for each in rest.split() if each.isdigit()]
        number = numbers[0] if numbers else 0
        if word == "CAPA":
            sasl = " ".join(("SASL", *self.bearers.mechanisms))
            talk.say("+OK", "UIDL", "TOP", sasl, *(["STLS"] if self.tls else []), ".")
        elif word == "STLS":
            talk.say("+OK begin")
            talk.secure()
        elif word == "USER":
            self._user = rest.decode()
            talk.say("+OK")
        elif word == "PASS":
            is_right = (self._user, rest.decode()) == (self.user, self.password)
            talk.say("+OK in" if is_right else "-ERR [AUTH] Wrong user or password")
        elif word == "AUTH":
            self._authenticate(talk, rest.decode().upper())
        elif word == "STAT":
            talk.say(f"+OK {len(drop)} {sum(len(raw) for _key, raw in drop)}")
        elif word in ("UIDL", "LIST"):
            self._list(word, talk, number, drop, gone)
        elif word in ("RETR", "TOP"):
            self.counts["messages fetched"] += 1
            self._send(talk, drop[number - 1][1], lines=numbers[1] if word == "TOP" else None)
        elif word == "DELE":
            gone.add(number)
            talk.say("+OK")
        else:
            talk.say("-ERR unknown command")

    def _authenticate(self, talk: Talk, mechanism: str) -> None:
        talk.say("+ ")
        is_right = self.bearers.is_right(mechanism, talk.line())
        if not is_right and not self.bearers.is_blunt:
            talk.say(b"+ " + REFUSAL)
            self.bearers.note_end(mechanism, talk.line())
        talk.say("+OK in" if is_right else "-ERR [AUTH] Wrong user or password")
        if not is_right and self.bearers.hangs_up:
            talk.hang_up()

    def _list(
        self, word: str, talk: Talk, number: int, drop: list[tuple[str, bytes]], gone: set[int]
    ) -> None:
        if word == "UIDL" and not self.knows_ids:
            talk.say("-ERR unknown command")
            return

        def entry(number: int) -> str:
            key, raw = drop[number - 1]
            return f"{number} {key if word == 'UIDL' else self.size_of(raw)}"

        if number:
            talk.say(f"+OK {entry(number)}")
            return
        rest = [each for each in range(1, len(drop) + 1) if each not in gone]
        talk.say("+OK", *(entry(each) for each in rest), ".")

    def size_of(self, raw: bytes) -> int:
        return len(raw)

    def _send(self, talk: Talk, raw: bytes, *, lines: int | None) -> None:
        found = raw.removesuffix(b"\r\n").split(b"\r\n")
        if lines is not None:
            found = found[: found.index(b"") + 1 + lines] if b"" in found else found
        talk.say("+OK", *(b"." + each if each.startswith(b".") else each for each in found), ".")
