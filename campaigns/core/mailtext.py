"""The texts of the app's own emails, rendered from `templates/mail/<name>.txt`.

The first line of the rendered template is the subject, the rest is the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_babel import force_locale


@dataclass(frozen=True, slots=True)
class MailText:
    subject: str
    text: str


def render(name: str, *, language: str, **values: Any) -> MailText:
    """Subject and text of the app's email with this name, in this language."""
    with force_locale(language):
        template = current_app.jinja_env.get_template(f"mail/{name}.txt")
        subject, _, text = template.render(**values).strip().partition("\n")
    return MailText(subject=subject.strip(), text=text.strip() + "\n")
