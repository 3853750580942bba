"""Keys of custom fields, and their values in stored form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from campaigns.audience.models import FieldKind
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_KEY = 64
LONGEST_VALUE = 10_000
# Merge tags of the app itself.
RESERVED = frozenset(
    {"email", "unsubscribe_url", "preferences_url", "web_view_url", "share_url", "loop", "campaign_content"}
)
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_WORDS_OF_THE_LANGUAGE = frozenset(
    {"and", "or", "not", "in", "is", "if", "elif", "else", "endif", "for", "endfor", "set", "endset"}
    | {"true", "false", "none", "block", "endblock", "include", "import", "from", "extends", "macro", "call"}
)
# Headings in other words or languages, as exported by address books and shops.
SYNONYMS = {
    "first_name": "firstname forename givenname given_name vorname prenom nombre fname 名 名字",
    "last_name": "lastname surname familyname family_name nachname nom apellido apellidos lname 姓 姓氏",
    "name": "full_name fullname display_name 姓名 全名 naam nome",
    "city": "town ort stadt ville ciudad 城市 市",
    "country": "land pays pais 国家",
    "company": "organisation organization firma empresa 公司",
    "phone": "telephone telefon phone_number mobile 电话 手机",
}
_MEANT = {word: key for key, words in SYNONYMS.items() for word in words.split()}
_YES = frozenset({"yes", "y", "true", "t", "1", "on", "x", "ja", "oui", "si", "sí", "sim", "是", "有"})
_NO = frozenset({"no", "n", "false", "f", "0", "off", "nein", "non", "não", "否", "无"})
SEPARATES_OPTIONS = re.compile(r"[;,|\n]")
_UNSAFE_IN_URL = re.compile(r"[\s<>\"\x00-\x1f\x7f]")
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d")


def key_for(label: str, *, taken: Iterable[str] = ()) -> str:
    """The merge tag of a label: "First name" -> `first_name`; numbered if taken."""
    key = slug(label)
    key = _MEANT.get(key, key)
    if not _KEY.fullmatch(key):
        key = f"field_{key}".rstrip("_") if key.isascii() and key else "field"
    if key in RESERVED or key in _WORDS_OF_THE_LANGUAGE:
        key = f"field_{key}"
    key, used, number = key[: LONGEST_KEY - 4], set(taken), 2
    wanted = key
    while key in used:
        key, number = f"{wanted}_{number}", number + 1
    return key


def meant(label: str) -> str:
    """The key that a heading most likely means: `Vorname` and `first name` both mean `first_name`."""
    key = slug(label)
    return _MEANT.get(key, _MEANT.get(key.replace("_", ""), key))


def slug(text: str) -> str:
    """Lower-case words joined by underscores; accents are removed where the letter has a plain form."""
    letters = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"\W+", "_", unicodedata.normalize("NFKC", plain).casefold()).strip("_")


def parse(text: str, *, kind: FieldKind, key: str, options: Sequence[str] = ()) -> Any:
    """The value as stored (`FieldKind`); None if empty. `options`: those of the field. Raises Invalid at the key,
    with a `code` for reports.
    """
    text = text.strip()
    if not text:
        return None
    if len(text) > LONGEST_VALUE:
        raise Invalid(_("This is too long. Use up to 10,000 characters."), field=key, code="too_long")
    if "\0" in text:
        raise Invalid(_("This contains invalid characters. Enter it again."), field=key, code="nul")
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(text, key)
    if kind.has_options:
        return _chosen(text, key, options, several=kind is FieldKind.CHOICES)
    return text


def written(value: Any) -> str:
    """A stored value as text that `parse` reads: for forms and files."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return str(value)


def _number(text: str, key: str) -> int | float:
    plain = text.replace(" ", "").replace("\u202f", "").replace("\xa0", "")
    if re.fullmatch(r"[+-]?\d{1,15}", plain):
        return int(plain)
    if re.fullmatch(r"[+-]?\d{1,15}[.,]\d{1,15}", plain):
        return float(plain.replace(",", "."))
    raise Invalid(_("This isn't a number. Use the format 12 or 12.5."), field=key, code="bad_number")


def _date(text: str, key: str) -> str:
    day = text[:10] if re.match(r"\d{4}-\d\d-\d\d[T ]", text) else text
    for form in _DAYS:
        try:
            return datetime.strptime(day, form).date().isoformat()  # noqa: DTZ007 (a day has no zone)
        except ValueError:
            continue
    raise Invalid(_("This isn't a date. Use the format 2026-11-23."), field=key, code="bad_date")


def _yes_no(text: str, key: str) -> bool:
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Invalid(_("Enter yes or no."), field=key, code="bad_yes_no")


def _url(text: str, key: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or _UNSAFE_IN_URL.search(text):
        raise Invalid(_("Enter a web address, such as https://example.com."), field=key, code="bad_url")
    return text


def _chosen(text: str, key: str, options: Sequence[str], *, several: bool) -> str | list[str]:
    """The options that are named, in their own spelling and order."""
    by_name = {each.casefold(): each for each in options}
    if (whole := by_name.get(text.casefold())) is not None:
        return [whole] if several else whole
    names = (
        [name.strip().casefold() for name in SEPARATES_OPTIONS.split(text) if name.strip()] if several else []
    )
    chosen = {by_name[name] for name in names if name in by_name}
    if not names or len(chosen) < len(set(names)):
        raise Invalid(
            _("This isn't one of the options: %(options)s.", options=", ".join(options)[:300]),
            field=key,
            code="bad_choice",
        )
    return [each for each in options if each in chosen]


_READERS: Mapping[FieldKind, Callable[[str, str], Any]] = {
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _date,
    FieldKind.YES_NO: _yes_no,
    FieldKind.URL: _url,
}
