"""A campaign's results in whole sentences."""

from __future__ import annotations

from campaigns.core.i18n import join_sentences, number_text, translate, translate_plural
from campaigns.reports.queries import Comparison, Figures


def headline(figures: Figures, *, wanted: int, audience: int) -> str:
    """The report's first sentences. `wanted`: recipients without the skipped; `audience`: with them."""
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
    if figures.bounced:
        said.append(
            translate_plural(
                "%(number)s email bounced after it was accepted.",
                "%(number)s emails bounced after they were accepted.",
                figures.bounced,
                number=number_text(figures.bounced),
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


def compared(figures: Figures, usual: Comparison | None, *, is_settled: bool) -> str:
    """How its rates compare with the medians of the campaigns before it."""
    if not is_settled:
        return translate("Compared with your other campaigns from 24 hours after sending.")
    if usual is None:
        return translate("Compared with your median once you have sent five earlier campaigns.")
    rates = figures.rates()
    return join_sentences(
        [
            translate("Compared with your last %(number)d campaigns.", number=usual.campaigns),
            _opens(_points(rates["opens"] - usual.opens)),
            _clicks(_points(rates["clicks"] - usual.clicks)),
            _unsubscribes(_points(rates["unsubscribes"] - usual.unsubscribes)),
        ]
    )


def _points(difference: float) -> float:
    return round(difference * 100, 1)


def _opens(points: float) -> str:
    if not points:
        return translate("Opens are at your median.")
    if points < 0:
        return translate("Opens are %(points)s points below your median.", points=number_text(-points))
    return translate("Opens are %(points)s points above your median.", points=number_text(points))


def _clicks(points: float) -> str:
    if not points:
        return translate("Clicks are at your median.")
    if points < 0:
        return translate("Clicks are %(points)s points below your median.", points=number_text(-points))
    return translate("Clicks are %(points)s points above your median.", points=number_text(points))


def _unsubscribes(points: float) -> str:
    if not points:
        return translate("Unsubscribes are at your median.")
    if points < 0:
        return translate("Unsubscribes are %(points)s points below your median.", points=number_text(-points))
    return translate("Unsubscribes are %(points)s points above your median.", points=number_text(points))
