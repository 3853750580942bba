"""An invitation to an event, as a part of an email that calendars read (RFC 5545, 5546 section 3.2.2, 6047)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.mail import quoted_printable

CONTENT_TYPE = "text/calendar; charset=utf-8; method=REQUEST"
LONGEST_LINE = 75  # octets of a content line (RFC 5545 section 3.1)
_BEGIN = "BEGIN:VEVENT\r\n"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An event: `uid` is the same in all copies; moments are aware, `zone` is the one they are told in."""

    uid: str
    title: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    stamp: datetime
    place: str = ""
    description: str = ""


def program(invitation: Invitation, *, organizer: str, organizer_name: str) -> Callable[[str], str]:
    """From a recipient's address to their invitation, in quoted-printable: only the attendee differs."""
    text = calendar(invitation, organizer=organizer, organizer_name=organizer_name)
    before, begin, after = text.partition(_BEGIN)
    head, tail = quoted_printable.piece(before + begin), quoted_printable.piece(after)
    return lambda address: head + quoted_printable.piece(attendee(address)) + tail


def calendar(invitation: Invitation, *, organizer: str, organizer_name: str) -> str:
    """The calendar, with CRLF, without an attendee."""
    from icalendar import Calendar, Event, Timezone, vCalAddress, vText  # 80 modules, and few emails invite

    zone = ZoneInfo(invitation.zone)
    found = Calendar()
    found.add("prodid", "-//Columba//EN")
    found.add("version", "2.0")
    found.add("method", "REQUEST")
    event = Event()
    event.add("uid", invitation.uid)
    event.add("dtstamp", invitation.stamp)
    event.add("sequence", 0)
    event.add("summary", invitation.title)
    event.add("dtstart", invitation.starts_at.astimezone(zone))
    event.add("dtend", invitation.ends_at.astimezone(zone))
    if invitation.place:
        event.add("location", invitation.place)
    if invitation.description:
        event.add("description", invitation.description)
    who = vCalAddress(f"mailto:{organizer}")
    if organizer_name:
        who.params["cn"] = vText(organizer_name)
    event.add("organizer", who)
    event.add("status", "CONFIRMED")
    if invitation.zone != "UTC":
        found.add_component(Timezone.from_tzid(invitation.zone))
    found.add_component(event)
    return found.to_ical().decode("utf-8")


def attendee(address: str) -> str:
    """The line of the recipient, folded."""
    return folded(f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{address}")


def folded(line: str) -> str:
    """A content line in pieces of at most 75 octets, none cut inside a character."""
    pieces, piece, size = [], "", 0
    for character in line:
        octets = len(character.encode("utf-8"))
        if size + octets > LONGEST_LINE:
            pieces.append(piece)
            piece, size = " ", 1
        piece += character
        size += octets
    return "\r\n".join([*pieces, piece]) + "\r\n"
