"""Pages of people: the search, one person, and actions on several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.audience import queries, reading, search, services, values
from campaigns.audience.bulk import queries as bulk_queries
from campaigns.audience.bulk import running
from campaigns.audience.bulk import services as bulk_services
from campaigns.audience.bulk.models import Kind
from campaigns.audience.deliverability import deliverability
from campaigns.audience.finding import keyset, words
from campaigns.audience.finding.keyset import Start
from campaigns.audience.forms import JoinForm, PersonForm, accepted, person_form, say
from campaigns.audience.models import List, Origin, Status, Subscriber, Subscription, Suppression
from campaigns.audience.pages import around
from campaigns.audience.search import Search
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.subscribing import Joined
from campaigns.audience.tags import queries as tag_queries
from campaigns.audience.tags import services as tag_services
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.i18n import _, _n
from campaigns.core.paging import number_in
from campaigns.notices import services as notices_services
from campaigns.planning import queries as planning_queries

MOST_AT_ONCE = 200
MOST_NAMED = 20


@allow(Action.READ_PEOPLE)
def index() -> Any:
    wanted = Search.parse(request.args, at=clock.now())
    page = keyset.page(wanted, Start.parse(request.args))
    note_view(reading.of_search(wanted, people=len(page.items)))
    return render_template(
        "audience/people.html",
        search=wanted,
        statuses=search.STATUSES,
        page=page,
        count=words.found(page.count, is_narrow=wanted.is_narrow),
        all_found=words.select_all(page.count),
        subscriptions=_subscriptions(page.items, wanted),
        tags_of=tag_queries.of_people([each.id for each in page.items]),
        suppressed=queries.suppressed_keys([each.address_key for each in page.items]),
        **_around(wanted, queries.lists()),
    )


def _subscriptions(people: Iterable[Subscriber], wanted: Search) -> dict[int, list[Subscription]]:
    """Which lists the people are on, by their id: of a search on one list, that one alone."""
    found = queries.subscriptions_of([each.id for each in people])
    return {
        who: [each for each in held if wanted.list_id in (None, 0, each.list_id)]
        for who, held in found.items()
    }


def _around(wanted: Search, lists: Sequence[List]) -> dict[str, Any]:
    """What stands around the people found: the lists to choose, the way to a file, and what was just done."""
    narrowed: dict[str, Any] = {
        "q": wanted.text or None,
        "status": wanted.status or None,
        "segment": wanted.segment_id,
        "tag": wanted.tag_id,
    }
    return {
        "lists": lists,
        "segments": segment_queries.segments(),
        "tags": tag_queries.tags(),
        "query": request.query_string.decode("utf-8", "replace"),
        "export_url": url_for("audience.export_create", list=wanted.list_id, **narrowed),
        "just_done": bulk_queries.latest_of(operator().id, now=clock.now()),
    }


@allow(Action.READ_PEOPLE)
def person(subscriber_id: int) -> Any:
    note_view(reading.of_person(queries.person(subscriber_id)))
    return _person_page(subscriber_id, None)


@allow(Action.EDIT_PEOPLE)
def create_person() -> Any:
    form = person_form()
    wanted = request.args.get("list", type=int)
    if request.method == "GET" and wanted and form.lists:
        form.lists.data = [wanted]
    if form.validate_on_submit() and (made := accepted(form, lambda: _added(form))):
        person, joined = made
        db.session.commit()
        _tell(joined)
        say(_("%(name)s added.", name=person.display_name), "success")
        return redirect(url_for("audience.person", subscriber_id=person.id), 303)
    page = render_template("audience/person_form.html", form=form, tags=tag_queries.tags())
    return page, 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def person_edit(subscriber_id: int) -> Any:
    changed = queries.person(subscriber_id)
    form = person_form(changed)
    if not form.is_submitted():
        note_view(reading.of_person(changed))
    if form.validate_on_submit() and accepted(form, lambda: _updated(changed, form)):
        db.session.commit()
        say(_("Saved."), "success")
        return redirect(url_for("audience.person", subscriber_id=subscriber_id), 303)
    shown, tags = queries.person(subscriber_id), tag_queries.tags()
    page = render_template("audience/person_form.html", form=form, person=shown, tags=tags)
    return page, 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def person_delete(subscriber_id: int) -> Any:
    gone = queries.person(subscriber_id)
    keeps = request.form.get("keep_suppressed") == "1"
    services.delete_person(gone, now=clock.now(), keep_suppressed=keeps)
    db.session.commit()
    say(
        _("Person erased. Imports can't add them back.") if keeps else _("Person deleted."),
        "success",
    )
    return redirect(url_for("audience.index"), 303)


@allow(Action.EDIT_PEOPLE)
def create_subscription(subscriber_id: int) -> Any:
    """Add the person to another list."""
    someone = queries.person(subscriber_id)
    form = JoinForm(queries.open_lists())
    if form.validate_on_submit() and (joined := accepted(form, lambda: _joined(someone, form.list_id.data))):
        db.session.commit()
        _tell([joined])
        say(_sentence_for(joined), "success")
        return redirect(url_for("audience.person", subscriber_id=subscriber_id), 303)
    return _person_page(subscriber_id, form)


@allow(Action.EDIT_PEOPLE)
def delete_subscription(subscriber_id: int, list_id: int) -> Any:
    """Unsubscribe the person from a list, at their request."""
    held = queries.subscription(subscriber_id, list_id)
    name = held.list.name
    services.unsubscribe_by_operator(held, now=clock.now(), operator_id=operator().id)
    db.session.commit()
    say(_("Unsubscribed from %(list)s.", list=name), "success")
    return redirect(url_for("audience.person", subscriber_id=subscriber_id), 303)


@allow(Action.EDIT_PEOPLE)
def create_confirmation(subscriber_id: int, list_id: int) -> Any:
    """Send the confirmation request again."""
    held = queries.subscription(subscriber_id, list_id)
    notice = services.ask_again(held, now=clock.now())
    db.session.commit()
    if notice is None:
        say(_("Not sent. A person can get one confirmation email a day and three in total."), "warning")
    else:
        queue.enqueue(notices_services.JOB, notice.id)
        say(_("Confirmation email sent."), "success")
    return redirect(url_for("audience.person", subscriber_id=subscriber_id), 303)


# -- several people at once


@allow(Action.EDIT_PEOPLE)
def create_subscriptions() -> Any:
    """Add the chosen people to a list."""
    into, chosen = queries.list_(request.form.get("list", 0, int)), _chosen()
    joined, left = services.subscribe_people(chosen, into, now=clock.now(), operator_id=operator().id)
    db.session.commit()
    _tell(joined)
    _say_added(len(joined), left, into)
    return _back()


def _say_added(added: int, left: int, into: List) -> None:
    message = _n(
        "%(num)d person added to %(list)s.", "%(num)d people added to %(list)s.", added, list=into.name
    )
    say(message, "success")
    if not left:
        return
    message = _n(
        "%(num)d person unsubscribed from that list and was not added back.",
        "%(num)d people unsubscribed from that list and were not added back.",
        left,
    )
    say(message, "warning")


@allow(Action.EDIT_PEOPLE)
def unsubscription() -> Any:
    """Confirmation page before several people are unsubscribed; the button states how many."""
    off, chosen = queries.list_(request.form.get("list", 0, int)), _chosen()
    leaving = services.on_list(chosen, off.id)
    if chosen and not leaving:
        say(_("None of the selected people are subscribed to %(list)s.", list=off.name), "warning")
    if not leaving:
        return _back()
    return render_template("audience/people_unsubscribe.html", off=off, **_about(leaving))


@allow(Action.EDIT_PEOPLE)
def create_unsubscriptions() -> Any:
    """Unsubscribe the chosen people from a list; the next page has the undo button."""
    off, chosen = queries.list_(request.form.get("list", 0, int)), _chosen()
    if not chosen:
        return _back()
    wanted, now = Search(ids=tuple(each.id for each in chosen)), clock.now()
    act = bulk_services.begin(Kind.UNSUBSCRIBE, wanted, now=now, operator_id=operator().id, list_=off)
    act_id, name = act.id, off.name
    db.session.commit()
    running.run(act_id)
    if not bulk_queries.act(act_id).changed:
        say(_("None of the selected people are subscribed to %(list)s.", list=name), "warning")
    return _back()


@allow(Action.EDIT_PEOPLE)
def deletion() -> Any:
    """Confirmation page before several people are deleted; the button states how many."""
    chosen = _chosen()
    if not chosen:
        return _back()
    return render_template("audience/people_delete.html", **_about(chosen))


@allow(Action.EDIT_PEOPLE)
def create_deletions() -> Any:
    """Delete the chosen people."""
    chosen = _chosen()
    services.delete_people(chosen, now=clock.now())
    db.session.commit()
    say(_n("%(num)d person deleted.", "%(num)d people deleted.", len(chosen)), "success")
    return _back()


def _about(chosen: list[Subscriber]) -> dict[str, Any]:
    """What a page says that asks before an act on several people: some by name, the number of the others."""
    named = chosen[:MOST_NAMED]
    query = request.form.get("back", "")
    return {
        "chosen": chosen,
        "named": named,
        "more": len(chosen) - len(named),
        "query": query,
        "back": _safe_back(),
    }


def _chosen() -> list[Subscriber]:
    """The people whose boxes are checked; if there are none, an error is flashed."""
    ids = [number for each in request.form.getlist("id") if (number := number_in(each)) is not None]
    found = queries.people_by_id(ids[:MOST_AT_ONCE])
    if not found:
        say(_("Select people first using the checkboxes."), "warning")
    return list(found)


def _back() -> Any:
    return redirect(_safe_back(), 303)


def _safe_back() -> str:
    """The URL of the search from which the people were chosen."""
    query = request.form.get("back", "")[:1000]
    return url_for("audience.index") + (f"?{query}" if query and query.isprintable() else "")


def _person_page(subscriber_id: int, form: JoinForm | None) -> Any:
    shown = queries.person(subscriber_id)
    held, suppression = queries.subscriptions(subscriber_id), queries.suppression_of(shown)
    others = [each for each in queries.open_lists() if each.id not in {one.list_id for one in held}]
    join = form or JoinForm(others)
    page = render_template(
        "audience/person.html",
        person=shown,
        fields=[(each.label, _written(shown.fields.get(each.key))) for each in queries.fields()],
        tags=tag_queries.of_people([subscriber_id])[subscriber_id],
        subscriptions=held,
        suppression=suppression,
        campaigns=_campaigns_of(suppression),
        deliverability=deliverability(held, suppression),
        form=join,
        may_join=bool(others or join.errors),
        neighbours=around.neighbours(shown),
    )
    return page, 422 if form else 200


def _written(value: Any) -> Any:
    """A stored value as the page shows it."""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return values.written(value) or "–"


def _campaigns_of(suppression: Suppression | None) -> dict[int, str]:
    """The campaign whose bounce led to the suppression, by its id."""
    found = suppression.campaign_id if suppression else None
    return planning_queries.names([found]) if found else {}


def _added(form: PersonForm) -> tuple[Subscriber, list[Joined]]:
    now = clock.now()
    made = services.add_person(
        form.email.data or "",
        fields=form.fields_of_person(),
        lists=[],
        status=Status.SUBSCRIBED,
        origin=Origin.OPERATOR,
        now=now,
        language=form.language.data or None,
    )
    if names := tag_services.names_in(form.tags.data or ""):
        tag_services.set_of_person(made.id, names, now=now)
    chosen = form.lists.data or [] if form.lists else []
    return made, [_joined(made, each) for each in chosen]


def _updated(changed: Subscriber, form: PersonForm) -> bool:
    services.update_person(
        changed,
        email=form.email.data or "",
        fields=form.fields_of_person(),
        language=form.language.data or None,
        time_zone=changed.time_zone,
        now=clock.now(),
    )
    tag_services.set_of_person(changed.id, tag_services.names_in(form.tags.data or ""), now=clock.now())
    return True


def _joined(person: Subscriber, list_id: int) -> Joined:
    into = queries.list_(list_id)
    return services.subscribe_by_operator(person, into, now=clock.now(), operator_id=operator().id)


def _sentence_for(joined: Joined) -> Any:
    if joined.subscription.status is Status.SUBSCRIBED:
        return _("Subscribed to %(list)s.", list=joined.subscription.list.name)
    if joined.notice is None:
        return _("Added. No confirmation email was sent because this address has reached the limit.")
    return _("Added. A confirmation email is on its way.")


def _tell(joined: Iterable[Joined]) -> None:
    for each in joined:
        if each.notice is not None:
            queue.enqueue(notices_services.JOB, each.notice.id)
