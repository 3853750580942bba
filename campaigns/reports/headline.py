"""What became of a campaign, in whole sentences."""

from __future__ import annotations

from campaigns.core.i18n import join_sentences, number_text, translate, translate_plural
from campaigns.reports.queries import Figures


def headline(figures: Figures, *, wanted: int, audience: int) -> str:
    """What the report says first. `wanted`: recipients without the skipped ones; `audience`: with them."""
    if not audience:
        return translate("The lists were empty, so nothing was sent.")
    if not wanted:
        return translate("Everyone on these lists was skipped, so nothing was sent.")
    if not figures.sent:
        return translate_plural(
            "No emails delivered yet. %(total)s recipient is queued.",
            "No emails delivered yet. %(total)s recipients are queued.",
            wanted,
            total=number_text(wanted),
        )
    sent = translate_plural(
        "Delivered to %(sent)s of %(total)s person.",
        "Delivered to %(sent)s of %(total)s people.",
        wanted,
        sent=number_text(figures.sent),
        total=number_text(wanted),
    )
    return join_sentences([sent, *_activity(figures)])


def _activity(figures: Figures) -> list[str]:
    opens, clicks, left = figures.opens, figures.clicks, figures.unsubscribes
    said = [
        translate_plural(
            "%(number)s person opened it.", "%(number)s people opened it.", opens, number=number_text(opens)
        ),
        translate_plural(
            "%(number)s person clicked.", "%(number)s people clicked.", clicks, number=number_text(clicks)
        ),
    ]
    if figures.failed:
        said.append(
            translate_plural(
                "%(number)s email failed.",
                "%(number)s emails failed.",
                figures.failed,
                number=number_text(figures.failed),
            )
        )
    if left:
        said.append(
            translate_plural(
                "%(number)s person unsubscribed.",
                "%(number)s people unsubscribed.",
                left,
                number=number_text(left),
            )
        )
    return said
