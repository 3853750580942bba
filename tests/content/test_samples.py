"""The people on whom a mail is hardest are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from campaigns.content.language.samples import Hard, hardest


@dataclass
class Somebody:
    name: str = ""
    email: str = "a@example.org"
    fields: dict[str, Any] = field(default_factory=dict)


def test_each_difficulty_has_its_person() -> None:
    ana = Somebody("Ana", fields={"city": "Rome"})
    long = Somebody("Maximiliana Freifrau von und zu Wolkenstein", fields={"city": "Graz"})
    noor = Somebody("نور", fields={"city": "Cairo"})
    wang = Somebody("王小明", fields={"city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch"})
    bare = Somebody("Bo")
    found = hardest([ana, long, noor, wang, bare], fields={"city"})
    assert found == {
        Hard.LONGEST: long,
        Hard.MISSING: bare,
        Hard.RIGHT_TO_LEFT: noor,
        Hard.NON_LATIN: wang,
        Hard.LONGEST_FIELD: wang,
    }


def test_nobody_is_difficult_where_nothing_is() -> None:
    assert set(hardest([Somebody("Ana")], fields=set())) == {Hard.LONGEST}
    assert hardest([], fields={"city"}) == {}


def test_letters_with_accents_are_latin() -> None:
    assert Hard.NON_LATIN not in hardest([Somebody("Zoë Łukasz 1")], fields=())
