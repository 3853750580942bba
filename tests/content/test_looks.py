"""A preview shows the rules of the look that was chosen, whatever the browser prefers."""

from __future__ import annotations

from campaigns.content.html.looks import Look, look, seen

DARK_MAIL = (
    "<html><head><meta name='color-scheme' content='light dark'><style>"
    "@media (prefers-color-scheme: dark) { p { color: white } }"
    "@media (prefers-color-scheme:light) { p { color: black } }</style></head>"
    '<body><picture><source media="(prefers-color-scheme: dark)" srcset="d.png"></picture>'
    "<p>Write (prefers-color-scheme: dark) in your CSS.</p></body></html>"
)


def test_dark_rules_count_in_dark_mode_and_light_ones_do_not() -> None:
    shown = seen(DARK_MAIL, Look.DARK)
    assert "@media (min-width:0) { p { color: white } }" in shown
    assert "@media (max-width:0) { p { color: black } }" in shown
    assert 'media="(min-width:0)"' in shown
    assert "color-scheme:dark" in shown


def test_dark_rules_do_not_count_in_other_looks_even_in_a_dark_browser() -> None:
    shown = seen(DARK_MAIL, Look.HTML)
    assert "@media (max-width:0) { p { color: white } }" in shown
    assert "@media (min-width:0) { p { color: black } }" in shown
    assert "color-scheme:light" in shown


def test_text_about_dark_mode_stays_as_it_is() -> None:
    assert "Write (prefers-color-scheme: dark) in your CSS." in seen(DARK_MAIL, Look.DARK)


def test_a_mail_without_rules_for_dark_mode_is_the_same_in_all_looks() -> None:
    assert {seen("<p>Hi</p>", each) for each in Look} == {"<p>Hi</p>"}


def test_an_unknown_look_is_the_usual_one() -> None:
    assert look("x") is look(None) is Look.HTML
    assert look("dark") is Look.DARK
