"""Sentences and what people put into them."""

from __future__ import annotations

from flask import Flask, render_template_string
from flask_babel import force_locale
from markupsafe import Markup, escape

from campaigns.core.i18n import _, _n

HOSTILE = '<script>alert("x")</script>'


def test_a_name_in_a_sentence_never_becomes_markup(app: Flask) -> None:
    with app.test_request_context():
        sentence = _("There is no sending server named %(name)s.", name=HOSTILE)
        assert HOSTILE in str(sentence)
        assert "<script" not in escape(sentence)
        assert "<script" not in render_template_string("{{ sentence }}", sentence=sentence)
        assert "<script" not in Markup("<p>%s</p>") % sentence
        assert "<script" not in render_template_string("{{ _('Lists: %(name)s', name=name) }}", name=HOSTILE)


def test_numbers_choose_the_form(app: Flask) -> None:
    with app.test_request_context():
        assert str(_n("%(num)s thing", "%(num)s things", 1)) == "1 thing"
        assert str(_n("%(num)s thing", "%(num)s things", 3)) == "3 things"


def test_a_sentence_speaks_the_language_in_which_it_is_read(app: Flask) -> None:
    sentence = _("Campaigns")
    with app.test_request_context(), force_locale("en"):
        assert str(sentence) == "Campaigns"
