"""`flask segment …`: segments and who is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from campaigns.audience import queries as audience_queries
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.segments import services as segment_services
from campaigns.audience.segments.explaining import explained
from campaigns.audience.segments.tree import Group, read
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock
from campaigns.core.addresses import BadAddress
from campaigns.core.db import db
from campaigns.core.errors import Invalid, NotFound
from campaigns.core.i18n import _
from campaigns.planning.segments import services as usage_services

LARGEST_RULE_BYTES = 200_000

rule_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("segment")
def segments() -> None:
    """Segments: people who match a rule."""


@segments.command("create")
@click.argument("name")
@click.option("--rule", "file", required=True, type=rule_file, help="File with the rule as JSON.")
@as_json
@command
def create(name: str, file: Path, wants_json: bool) -> None:
    """Create a segment from a rule."""
    made = segment_services.create(name, rule_in(file), by=None, now=clock.now())
    db.session.commit()
    people = segment_services.count_again(made, now=clock.now())
    db.session.commit()
    answer(
        {"id": made.id, "name": made.name, "people": people, "rule": made.rule},
        wants_json=wants_json,
        sentence=f"Created segment {made.name} (number {made.id}), {people} people now.",
    )


@segments.command("list")
@as_json
@command
def list_(wants_json: bool) -> None:
    """List the segments, with how many people were last counted in each."""
    found = segment_queries.segments()
    rows = [{"id": each.id, "name": each.name, "people": each.people, "rule": each.rule} for each in found]
    lines = [
        f"{each.id}\t{each.name}\t{'not counted' if each.people is None else each.people}" for each in found
    ]
    answer({"segments": rows}, wants_json=wants_json, sentence="\n".join(lines) or "No segments.")


@segments.command("explain")
@click.argument("name")
@click.argument("address")
@as_json
@command
def explain(name: str, address: str, wants_json: bool) -> None:
    """Say why a person is in a segment, or isn't."""
    now, segment = clock.now(), segment_queries.segment_by_name(name)
    known = segment_queries.catalog()
    rule = segment_queries.rule_of(segment, known)
    person = _person(address)
    facts = segment_queries.facts_of([person.id], rule)[person.id]
    told = explained(rule, facts, segment_queries.today(now), known)
    segment_services.note_explained(segment, person, now=now)
    db.session.commit()
    answer(
        {"segment": segment.name, "address": person.email, "is_in": told.holds, "why": told.as_json()},
        wants_json=wants_json,
        sentence="\n".join(
            [f"{person.email} is {'in' if told.holds else 'not in'} {segment.name}.", *told.lines()]
        ),
    )


@segments.command("delete")
@click.argument("name")
@as_json
@command
def delete(name: str, wants_json: bool) -> None:
    """Delete a segment that no campaign and no other segment uses."""
    gone = segment_queries.segment_by_name(name)
    number, called = gone.id, gone.name
    usage_services.delete(gone)
    db.session.commit()
    answer({"id": number, "name": called}, wants_json=wants_json, sentence=f"Deleted segment {called}.")


def rule_in(file: Path) -> Any:
    """The JSON of a file; raises Invalid when it isn't one."""
    if file.stat().st_size > LARGEST_RULE_BYTES:
        raise Invalid(_("The file is too large for a rule. Use at most 200 KB."), field="rule")
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = str(error)[:200] or type(error).__name__
        raise Invalid(_("The file isn't JSON: %(reason)s", reason=reason), field="rule") from error


def checked_rule(file: Path) -> Group:
    """The expanded rule of a file; raises Invalid."""
    known = segment_queries.catalog()
    return segment_queries.whole(read(rule_in(file), known), known)


def _person(address: str) -> Any:
    try:
        found = audience_queries.person_by_address(address)
    except BadAddress as error:
        raise Invalid(_("Enter an email address like name@example.com.")) from error
    if found is None:
        raise NotFound(_("Person not found."))
    return found
