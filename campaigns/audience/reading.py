"""Records page views of people on the audit log: once an hour per page and operator."""

from __future__ import annotations

from campaigns.audience.imports.models import Import
from campaigns.audience.models import Subscriber
from campaigns.audience.search import Search
from campaigns.audit.services import View
from campaigns.core import addresses


def of_person(person: Subscriber) -> View:
    """The page of one person."""
    return View("person.viewed", f"{addresses.masked(person.email)} (number {person.id})", {})


def of_found(people: int) -> View:
    """People whom a few letters have found."""
    return View("people.viewed", "", {"people": people, "searched": True})


def of_suppressions(addresses: int) -> View:
    """A page of suppressions."""
    return View("suppression.viewed", "", {"addresses": addresses})


def of_import(shown: Import) -> View:
    """Rows of a file, those that wait or those that were rejected."""
    return View("import.viewed", shown.file_name, {})


def of_search(wanted: Search, *, people: int) -> View:
    """A page of people found by a search: their number, not the search words, which may be an address."""
    return View("people.viewed", "", {"people": people, **({"searched": True} if wanted.text else {})})
