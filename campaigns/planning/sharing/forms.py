"""Forms for links that share an email, and for comments on it."""

from __future__ import annotations

from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.core.i18n import _
from campaigns.planning.sharing.services import DAYS, LONGEST_NAME, LONGEST_TEXT


class ShareForm(FlaskForm):
    """How long a new link works, and in which languages it shows the email."""

    days = SelectField(_("Link expires after"), coerce=int, default=7)
    language = SelectField(_("Languages"), default="")

    def __init__(self, languages: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.language.choices = [("", _("All languages")), *languages]
        words = {1: _("1 day"), 7: _("7 days"), 30: _("30 days")}
        self.days.choices = [(days, words[days]) for days in DAYS]


class AnswerForm(FlaskForm):
    """A comment or a reply by an operator."""

    text = TextAreaField(
        _("Comment"), [InputRequired(_("Enter a comment.")), Length(max=LONGEST_TEXT)], render_kw={"rows": 3}
    )


class CommentForm(AnswerForm):
    """A comment by somebody who has the link. `website` is a honeypot; `begun`: when the form was made, signed."""

    class Meta:
        csrf = False  # there is no cookie here: the link is what permits

    author = StringField(
        _("Your name"),
        [InputRequired(_("Enter your name.")), Length(max=LONGEST_NAME)],
        render_kw={"autocomplete": "name"},
    )
    website = StringField(_("Leave this blank"), render_kw={"autocomplete": "off", "tabindex": "-1"})
    begun = HiddenField()
