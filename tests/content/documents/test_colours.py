"""Dark mode: whatever colours a brand has, its texts can be read on its surfaces."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from campaigns.content.documents import colours, sheet, style
from campaigns.content.documents.style import COLOURS

COLOUR = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_that_of_the_guidelines() -> None:
    assert colours.contrast("#000000", "#ffffff") == 21
    assert round(colours.contrast("#767676", "#ffffff"), 2) == 4.54
    assert colours.contrast("#123456", "#123456") == 1


@given(st.fixed_dictionaries(dict.fromkeys(COLOURS, COLOUR)))
def test_derived_dark_colours_can_be_read(light: dict[str, str]) -> None:
    dark = style.checked({"colors": light}, "").in_the_dark()
    assert dark.keys() == COLOURS.keys()
    for surface in ("background", "content", "card"):
        assert colours.is_dark(dark[surface])
    for words in ("text", "heading", "link"):
        assert colours.contrast(dark[words], dark["content"]) >= 4.5
        assert colours.contrast(dark[words], dark["card"]) >= 4.5
    assert colours.contrast(dark["buttonText"], dark["button"]) >= 4.5


@given(
    st.fixed_dictionaries(dict.fromkeys(COLOURS, COLOUR)),
    st.dictionaries(st.sampled_from(list(COLOURS)), COLOUR),
)
def test_colours_chosen_for_dark_mode_are_kept(light: dict[str, str], chosen: dict[str, str]) -> None:
    dark = style.checked({"colors": light, "dark": chosen}, "").in_the_dark()
    assert {name: dark[name] for name in chosen} == chosen


@given(COLOUR, COLOUR)
def test_a_colour_is_made_readable_on_any_surface(colour: str, surface: str) -> None:
    assert colours.contrast(colours.readable(colour, surface), surface) >= 4.5
    if colours.contrast(colour, surface) >= 4.5:
        assert colours.readable(colour, surface) == colour


@given(st.fixed_dictionaries(dict.fromkeys(COLOURS, COLOUR)))
def test_a_style_comes_back_from_its_json_as_it_was(light: dict[str, str]) -> None:
    made = style.checked(
        {"colors": light, "width": 520, "header": {"text": "é"}, "footer": {"align": "right"}}, ""
    )
    assert style.from_json(style.to_json(made)) == made
    assert style.from_json(json.dumps({})) == style.from_json("") == style.Style()


def test_nothing_but_colours_reaches_a_style_sheet() -> None:
    made = style.Style()
    rules = sheet.for_all(made, cards={}, text_colours=[]) + sheet.for_some(
        made, cards={}, text_colours=["#ff0000"]
    )
    assert rules.count("{") == rules.count("}")
    assert "<" not in rules
    assert ".cff0000" in rules
