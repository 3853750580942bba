"""The demo's templates: a layout around the club's emails, the results of a race, and a draft in the layout."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta
from typing import Any

from campaigns.audience.models import List
from campaigns.cli.demo_data import plan
from campaigns.content.documents.nodes import VERSION
from campaigns.content.formats import Format
from campaigns.content.templates import services
from campaigns.content.templates.layouts import BLANK_BLOCKS
from campaigns.content.templates.models import Template
from campaigns.planning import drafts
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign
from campaigns.settings.models import Sender

Block = dict[str, Any]
STYLE = {
    "colors": {"link": "#155e75", "button": "#155e75"},
    "header": {"text": plan.SITE},
    "footer": {"text": "Fed, flown and written by volunteers."},
}
LAYOUT, RESULTS, DRAFT = "House style", "Race results", "A class visits the loft"


def write(lists: dict[str, List], sender: Sender, *, now: datetime) -> Campaign:
    """Two templates, made weeks ago, and a draft in the layout."""
    layout = _layout(plan.moment(now, days_ago=40, at=time(10, 20)))
    _results(plan.moment(now, days_ago=33, at=time(16, 5)))
    return _draft(layout, lists, sender, plan.moment(now, days_ago=3, at=time(11, 40)))


def _layout(at: datetime) -> Template:
    content = [
        *BLANK_BLOCKS,
        {"type": "divider"},
        _paragraph("Come and see the birds: the loft is open on ", _bold("Saturdays from ten to four"), "."),
        _button("How to visit us", "loft/visit", kind="outline"),
    ]
    values = {"name": LAYOUT, "written": _document(content), "is_layout": True}
    made = services.create(values, format=Format.DOCUMENT, by=None, place=drafts.place(), now=at)
    # The second version has opening hours that people asked for.
    longer = _document([*content, _paragraph("In winter we close at three.")])
    later = at + timedelta(days=9)
    services.save(made, {"written": longer}, version=1, by=None, place=drafts.place(), now=later)
    return made


def _results(at: datetime) -> Template:
    content = [
        _heading("All birds are home", 1),
        _paragraph("Hello ", _tag("first_name", "there"), ","),
        _paragraph(
            "say in two sentences how the day went: the start, the wind, the first bird over the harbour."
        ),
        _heading("The first three", 2),
        _list("orderedList", "Ring number, loft, time", "Ring number, loft, time", "Ring number, loft, time"),
        _button("All times", "races"),
        {"type": "divider"},
        _heading("The next race", 2),
        _paragraph(_bold("Day and time."), " From where to where, and until when birds can be entered."),
    ]
    values = {
        "name": RESULTS,
        "subject": "Name of the race: who was home first",
        "preheader": "Times of all birds.",
        "written": _document(content),
    }
    return services.create(values, format=Format.DOCUMENT, by=None, place=drafts.place(), now=at)


def _draft(layout: Template, lists: dict[str, List], sender: Sender, at: datetime) -> Campaign:
    content = [
        _heading("Twenty-four children and two hundred birds", 1),
        _paragraph("Hello ", _tag("first_name", "there"), ","),
        _paragraph(
            "on Thursday a class from the harbour school visits the loft. They have learned how a pigeon finds home, "
            "and each of them wants to let one go."
        ),
        _paragraph("For the morning we still need:"),
        _list(
            "bulletList",
            "two people who show the young birds",
            "one who pours the cocoa",
            "a car for eight boxes",
        ),
        _button("I can help on Thursday", "volunteer/thursday"),
        _paragraph("See you under the clouds,"),
        _paragraph("Greta and the loft"),
    ]
    return planning_services.create_campaign(
        name=DRAFT,
        subject='{{ first_name | default("Dear volunteer") }}, a class visits the loft',
        preheader="Thursday at nine. Three jobs are still open.",
        from_name=sender.name,
        from_email=sender.email,
        lists=[lists[plan.VOLUNTEERS]],
        format=Format.DOCUMENT,
        written=_document(content),
        layout=layout,
        now=at,
    )


def _document(content: list[Block]) -> str:
    return json.dumps({"version": VERSION, "style": STYLE, "content": content}, ensure_ascii=False)


def _heading(words: str, level: int) -> Block:
    return {"type": "heading", "attrs": {"level": level}, "content": [_text(words)]}


def _paragraph(*pieces: Block | str) -> Block:
    return {
        "type": "paragraph",
        "content": [_text(each) if isinstance(each, str) else each for each in pieces],
    }


def _list(kind: str, *items: str) -> Block:
    return {"type": kind, "content": [{"type": "listItem", "content": [_paragraph(each)]} for each in items]}


def _button(words: str, path: str, **attrs: str) -> Block:
    href = {"href": f"https://{plan.DOMAIN}/{path}"}
    return {"type": "button", "attrs": href | attrs, "content": [_text(words)]}


def _text(words: str) -> Block:
    return {"type": "text", "text": words}


def _bold(words: str) -> Block:
    return {"type": "text", "text": words, "marks": [{"type": "bold"}]}


def _tag(name: str, fallback: str) -> Block:
    return {"type": "mergeTag", "attrs": {"name": name, "fallback": fallback}}
