"""Where an error is shown: in the app's frame to who works there, without a way in to readers."""

from __future__ import annotations

from flask import Flask


def test_an_operator_stays_in_the_app(app: Flask, cleo) -> None:
    for path, status in (("/campaigns/4711", 404), ("/nowhere", 404), ("/settings/site", 403)):
        answer = cleo.get(path)
        assert answer.status_code == status
        assert 'class="nav-main"' in answer.text
        assert "Go to Home" in answer.text


def test_a_reader_gets_no_way_to_sign_in(app: Flask, client, ada) -> None:
    for browser in (client, ada):
        answer = browser.get("/u/a1-00000000000000000000000000000000")
        assert 'class="nav-main"' not in answer.text
        assert "Go to Home" not in answer.text and "/sign-in" not in answer.text
        assert browser.get("/s/nothing").status_code == 404
        assert "Go to Home" not in browser.get("/s/nothing").text
    stray = client.get("/nowhere")
    assert stray.status_code == 404
    assert "Go to Home" not in stray.text


def test_what_breaks_is_said_without_the_frame(app: Flask, ada, monkeypatch) -> None:
    def broken() -> None:
        raise RuntimeError("no")

    broken.guard = app.view_functions["reports.home"].guard  # type: ignore[attr-defined]
    monkeypatch.setitem(app.view_functions, "reports.home", broken)
    answer = ada.get("/")
    assert answer.status_code == 500
    assert 'class="nav-main"' not in answer.text
    assert "Go to Home" in answer.text
