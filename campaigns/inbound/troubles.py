"""What can go wrong with a mailbox: stored as a word and the server's own text, shown as a sentence."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from campaigns.core.i18n import Sentence, _

LONGEST = 500
_DIVIDER = "\n"


class Trouble(StrEnum):
    UNREACHABLE = "unreachable"
    INTERNAL = "internal"  # the host leads to an address that we may not connect to
    NO_TLS = "no_tls"
    REFUSED_SIGN_IN = "refused_sign_in"
    REFUSED_TOKEN = "refused_token"  # noqa: S105 (not a secret)
    NO_TOKEN = "no_token"  # noqa: S105 (not a secret)
    NO_SECRET = "no_secret"  # noqa: S105 (the stored one cannot be read)
    NO_FOLDER = "no_folder"
    REFUSED = "refused"  # any other command
    LATE = "late"
    CLOSED = "closed"
    MAKES_NO_SENSE = "makes_no_sense"  # an answer that the protocol does not allow, or that is far too long

    def stored(self, text: str = "") -> str:
        """The trouble and a short text about it, as one value for a column: a server may have said it."""
        plain = " ".join(text.split())[:LONGEST]
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in plain)
        return f"{self.value}{_DIVIDER}{shown}"[:LONGEST]

    def sentence(self, text: str) -> Sentence:
        """The sentence for whoever reads it."""
        return _SENTENCES[self](text)


def sentence_of(stored: str) -> Sentence | str:
    """A stored trouble as a sentence for whoever reads it."""
    word, _divider, text = stored.partition(_DIVIDER)
    return Trouble(word).sentence(text) if word in set(Trouble) else stored


def said(stored: str) -> str:
    """The same in the current language, at once."""
    return str(sentence_of(stored))


_SENTENCES: dict[Trouble, Callable[[str], Sentence]] = {
    Trouble.UNREACHABLE: lambda text: _("The server can't be reached: %(said)s", said=text),
    Trouble.INTERNAL: lambda text: _(
        "%(said)s is an internal address. Whoever runs Columba can allow it in INTERNAL_HOSTS.", said=text
    ),
    Trouble.NO_TLS: lambda text: _("The connection can't be secured: %(said)s", said=text),
    Trouble.REFUSED_SIGN_IN: lambda text: _(
        "The server refused the user name or password: %(said)s", said=text
    ),
    Trouble.REFUSED_TOKEN: lambda text: _("The server refused the access token: %(said)s", said=text),
    Trouble.NO_TOKEN: lambda text: _("The OAuth provider gave no access token: %(said)s", said=text),
    Trouble.NO_SECRET: lambda _text: _(
        "The saved password can't be read because SECRET_KEY has changed. Enter it again."
    ),
    Trouble.NO_FOLDER: lambda text: _("The server doesn't open this folder: %(said)s", said=text),
    Trouble.REFUSED: lambda text: _("The server refused a command: %(said)s", said=text),
    Trouble.LATE: lambda _text: _("The server didn't answer in time."),
    Trouble.CLOSED: lambda _text: _("The server closed the connection."),
    Trouble.MAKES_NO_SENSE: lambda text: _("The server gave an invalid answer: %(said)s", said=text),
}
