"""What the catalogues should hold."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

ROOT = Path(__file__).resolve().parents[2]

LANGUAGES = ["zh"]

METHODS = [("campaigns/**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2")]


KEYWORDS = {
    "_": None,
    "_n": (1, 2),
    "gettext": None,
    "ngettext": (1, 2),
    "translate": None,
    "translate_plural": (1, 2),
    "N_": None,
    "N_n": (1, 2),
}


def wanted() -> Catalog:
    """Everything that is marked for translation in the sources."""
    catalog = Catalog()
    for name, line, message, _comments, _context in extract_from_dir(
        str(ROOT), method_map=METHODS, keywords=KEYWORDS, directory_filter=_ours
    ):
        catalog.add(message, locations=[(name, line)])
    return catalog


def _ours(path: str) -> bool:
    name = Path(path).name
    return not name.startswith(".") and name not in {"node_modules", "static", "tests", "data", "starters"}
