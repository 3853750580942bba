"""Addresses in texts and fields, found from their @ on in both directions, so that the work is bounded."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.inbound.reading import limits

_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
_MOST_LOCAL = 200  # octets; more than allowed, for addresses of X.400 in disguise
_MOST_DOMAIN = 255


@dataclass(frozen=True, slots=True)
class Found:
    """An address and where it stands in its text."""

    address: str
    start: int
    end: int


def find(text: str, most: int = limits.ADDRESSES) -> list[Found]:
    """The addresses in a text, in their order, as often as they stand there."""
    found: list[Found] = []
    at, bare = text.find("@"), 0
    while at >= 0 and len(found) < most and bare < limits.BARE_SIGNS:
        one = _around(text, at)
        if one is not None:
            found.append(one)
        else:
            bare += 1
        at = text.find("@", max(at + 1, one.end if one else 0))
    return found


def all_in(text: str) -> list[str]:
    """The addresses in a text, each once."""
    return list(dict.fromkeys(each.address for each in find(text)))


def first_in(text: str) -> str:
    """The first address in a text, or ""."""
    found = find(text, most=1)
    return found[0].address if found else ""


def _around(text: str, at: int) -> Found | None:
    start = _start(text, at)
    end = at + 1
    furthest = min(len(text), at + 1 + _MOST_DOMAIN)
    if text[end : end + 1] == "[":  # an address literal
        close = text.find("]", end, furthest)
        end = close + 1 if close >= 0 else end
    else:
        while end < furthest and (text[end] in _DOMAIN or text[end].isalpha()):
            end += 1
        while end > at + 1 and text[end - 1] in "._-":
            end -= 1
    domain = text[at + 1 : end]
    if start == at or not domain or ("." not in domain and not domain.startswith("[")):
        return None
    return Found(text[start:end], start, end)


def _start(text: str, at: int) -> int:
    least = max(0, at - _MOST_LOCAL)
    if at and text[at - 1] == '"':
        opening = text.rfind('"', least, at - 1)
        if opening >= 0 and "\n" not in text[opening:at]:
            return opening
    start = at
    while start > least and (
        text[start - 1] in _LOCAL or (text[start - 1] > "\x7f" and text[start - 1].isalpha())
    ):
        start -= 1
    while start < at and text[start] in "'`=*|&":
        start += 1
    return start


def author(value: str) -> str:
    """The address of a From field that names one mailbox (RFC 5322 section 3.4); "" for any other.

    A name is no address, whatever it looks like: `"you@corp.example" <me@mail.example>` is by the second.
    """
    bare = _without_words(value)
    name, opening, rest = bare.partition("<")
    inner, closing, after = rest.partition(">")
    if opening and ("@" in name or not closing or after.strip() or "<" in inner):
        return ""
    text = inner if opening else bare
    found = find(text, most=2)
    return found[0].address if len(found) == 1 and text.count("@") == 1 else ""


def _without_words(value: str) -> str:
    """The value without quoted strings and comments; as it stands where they don't end."""
    if '"' not in value and "(" not in value:
        return value
    out: list[str] = []
    is_quoted, depth, escaped = False, 0, False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\" and (is_quoted or depth):
            escaped = True
        elif letter == '"' and not depth:
            is_quoted = not is_quoted
        elif letter == "(" and not is_quoted:
            depth += 1
        elif letter == ")" and depth and not is_quoted:
            depth -= 1
        elif not is_quoted and not depth:
            out.append(letter)
    return value if is_quoted or depth else "".join(out)


def typed(value: str) -> str:
    """The address of a field like `rfc822; a@b.example`, without its type; xtext and `\\x{…}` decoded.

    Final-Recipient and Original-Recipient, RFC 3464 section 2.3, RFC 6533 section 3.
    """
    kind, semicolon, rest = value.partition(";")
    text = rest if semicolon and "@" not in kind else value
    text = text.strip().strip("\0")
    if semicolon and kind.strip().lower() in ("rfc822", "utf-8"):
        text = _unicode_escapes(_xtext(text))
    found = first_in(text)
    if found:
        return found
    text = text.strip("<>\"' ")
    return text.split()[0].strip("<>\"'(),;") if text.split() else ""


def _xtext(text: str) -> str:
    """`+2B` is a plus (RFC 3461 section 4); a plus before anything but hexadecimals of a sign is meant."""
    if "+" not in text:
        return text
    pieces = text.split("+")
    out = [pieces[0]]
    for piece in pieces[1:]:
        code = piece[:2]
        if code in ("2B", "3D", "20", "22", "28", "29"):
            out.append(chr(int(code, 16)) + piece[2:])
        else:
            out.append("+" + piece)
    return "".join(out)


def _unicode_escapes(text: str) -> str:
    if "\\x{" not in text:
        return text
    pieces = text.split("\\x{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        code, close, rest = piece.partition("}")
        try:
            letter = chr(int(code, 16)) if close else ""
        except (ValueError, OverflowError):
            letter = ""
        out.append(letter + rest if letter.isprintable() and letter else "\\x{" + piece)
    return "".join(out)


def domain_of(address: str) -> str:
    """The part behind the last @ in lower case, or ""."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def local_of(address: str) -> str:
    """The part before the last @, or all of it."""
    return address.rpartition("@")[0] if "@" in address else address
