"""The content of the demo: four lists, and campaigns: six finished, one paused, one scheduled and one draft.

Another draft, in a layout, is in `templates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaigns.audience.models import OptIn

ZONE = ZoneInfo("Europe/Lisbon")
DOMAIN = "example.com"
SITE = "The Pigeon Post"
POSTAL_ADDRESS = "The Loft, 12 Harbour Lane, 1100-148 Lisbon"
BEGAN_DAYS_AGO = 75
POST, RACES, VOLUNTEERS, MEMBERS = "Pigeon Post", "Race results", "Loft volunteers", "Members"
_FRAME = Path(__file__).parent / "frame.html"


@dataclass(frozen=True, slots=True)
class DemoList:
    """A list, and the share of all people who are on it."""

    name: str
    description: str
    opt_in: OptIn
    is_public: bool
    share: float


LISTS = (
    DemoList(POST, "News from the loft, every other week.", OptIn.DOUBLE, is_public=True, share=1.0),
    DemoList(RACES, "Arrivals and times on race days.", OptIn.SINGLE, is_public=True, share=0.38),
    DemoList(MEMBERS, "Members of the club.", OptIn.SINGLE, is_public=False, share=0.21),
    DemoList(VOLUNTEERS, "Who helps in the loft, and when.", OptIn.DOUBLE, is_public=False, share=0.09),
)


@dataclass(frozen=True, slots=True)
class DemoCampaign:
    """A campaign and the behaviour of its readers, as shares of its recipients (clicks: of those who opened)."""

    name: str
    subject: str
    preheader: str
    lists: tuple[str, ...]
    lead: str
    links: tuple[tuple[str, str], ...]
    days_ago: int = 0
    at: time = time(9, 30)
    opens: float = 0.42
    clicks: float = 0.3
    leavers: int = 6
    bounces: float = 0.005

    @property
    def html(self) -> str:
        """The email: a lead, the first link as a button, the others in a list."""
        (_url, first), *others = self.links
        items = "".join(f'  <li><a href="{url}">{words}</a></li>\n' for url, words in others)
        body = (
            f'  <h1>Hello {{{{ first_name | default("there") }}}}</h1>\n  <p>{self.lead}</p>\n'
            f'  <p><a class="button" href="{self.links[0][0]}">{first}</a></p>\n'
            f"  <h2>More from the loft</h2>\n  <ul>\n{items}  </ul>\n"
            "  <p>See you under the clouds,<br>Greta and the loft</p>"
        )
        return _FRAME.read_text(encoding="utf-8").replace("[[title]]", self.name).replace("[[body]]", body)


def _link(path: str, words: str) -> tuple[str, str]:
    return f"https://{DOMAIN}/{path}", words


SENT = (
    DemoCampaign(
        name="Welcome to the new loft",
        subject='{{ first_name | default("Dear reader") }}, the new loft is open',
        preheader="Two hundred birds have moved in.",
        lists=(POST,),
        lead="The birds have moved into the new loft by the harbour{% if city %}, and you can see it from {{ city }}"
        " on our camera{% endif %}.",
        links=(
            _link("loft", "Look into the new loft"),
            _link("loft/camera", "The camera, day and night"),
            _link("loft/visit", "How to visit us"),
        ),
        days_ago=58,
        opens=0.46,
        clicks=0.34,
        leavers=9,
        bounces=0.016,
    ),
    DemoCampaign(
        name="Coast to ridge: results",
        subject="The coast to ridge race: who was home first",
        preheader="Times of all 84 birds.",
        lists=(RACES,),
        lead="Eighty-four birds started at dawn, and all of them are home.",
        links=(
            _link("races/coast-to-ridge", "All times"),
            _link("races/coast-to-ridge/photos", "Photographs of the arrivals"),
            _link("races/calendar", "The next races"),
        ),
        days_ago=47,
        at=time(18, 15),
        opens=0.52,
        clicks=0.41,
        leavers=3,
    ),
    DemoCampaign(
        name="How a pigeon finds home",
        subject='How a pigeon finds home, {{ first_name | default("dear reader") }}',
        preheader="The sun, the smell of the sea and a compass.",
        lists=(POST,),
        lead="They use the sun, the smell of the sea and a compass that nobody has found yet.",
        links=(
            _link("blog/how-pigeons-find-home", "Read the article"),
            _link("blog/compass", "What we know of the compass"),
            _link("blog/school", "A page for school classes"),
            _link("shop/book", "The book about it"),
        ),
        days_ago=36,
        opens=0.41,
        clicks=0.27,
        leavers=7,
        bounces=0.006,
    ),
    DemoCampaign(
        name="Members' evening",
        subject="Members' evening: soup, slides and the budget",
        preheader="Thursday at seven, in the loft.",
        lists=(MEMBERS, VOLUNTEERS),
        lead="We show slides of the summer, talk about the budget, and there is soup.",
        links=(
            _link("members/evening", "Say that you come"),
            _link("members/budget", "The budget on two pages"),
            _link("members/agenda", "The agenda"),
        ),
        days_ago=26,
        at=time(8, 5),
        opens=0.58,
        clicks=0.46,
        leavers=1,
    ),
    DemoCampaign(
        name="The loft diary",
        subject="The loft diary: eleven young birds and a storm",
        preheader="What happened since the last one.",
        lists=(POST,),
        lead="Eleven young birds took their first flight, a day before the storm.",
        links=(
            _link("diary", "Read the diary"),
            _link("diary/young-birds", "The young birds by name"),
            _link("shop/rings", "Rings for your own birds"),
        ),
        days_ago=14,
        opens=0.38,
        clicks=0.24,
        leavers=8,
        bounces=0.006,
    ),
    DemoCampaign(
        name="The open loft day",
        subject='{{ first_name | default("Dear reader") }}, the loft opens its doors',
        preheader="Two hundred birds, four routes and hot soup.",
        lists=(POST,),
        lead="The doors open at seven. Two hundred birds, four routes, and hot soup for everyone who waits for them.",
        links=(
            _link("open-day/register", "Keep a place for me"),
            _link("open-day/routes", "The four routes on a map"),
            _link("open-day/packing", "What to bring"),
            _link("blog/how-pigeons-find-home", "How a pigeon finds home"),
        ),
        days_ago=4,
        opens=0.44,
        clicks=0.33,
        leavers=6,
        bounces=0.008,
    ),
)
PAUSED = DemoCampaign(
    name="River and plain: results",
    subject="River and plain: the fastest race of the year",
    preheader="A tail wind, and a new record.",
    lists=(RACES,),
    lead="A tail wind all day, and a new record over the plain.",
    links=(
        _link("races/river-and-plain", "All times"),
        _link("races/river-and-plain/record", "The record flight"),
        _link("races/calendar", "The next races"),
    ),
    days_ago=1,
    at=time(17, 10),
    opens=0.5,
    clicks=0.38,
    leavers=0,
    bounces=0.004,
)
PAUSED_AFTER = 5  # batches
SCHEDULED = DemoCampaign(
    name="The month ahead",
    subject='{{ first_name | default("Dear reader") }}, the month ahead in the loft',
    preheader="Races, visits and a Sunday of repairs.",
    lists=(POST, VOLUNTEERS),
    lead="Two races, three school visits, and a Sunday on which we repair the roof.",
    links=(_link("calendar", "The calendar"), _link("volunteer", "Help on Sunday")),
    days_ago=-5,
    at=time(9, 0),
)
DRAFT = DemoCampaign(
    name="Young birds: a call for names",
    subject='Name a bird, {{ first_name | default("dear reader") }}',
    preheader="Eleven birds, no names yet.",
    lists=(MEMBERS,),
    lead="Eleven young birds have rings and no names. Send us yours until Sunday.",
    links=(_link("names", "Suggest a name"), _link("diary/young-birds", "Pictures of all eleven")),
)


def moment(now: datetime, *, days_ago: int, at: time) -> datetime:
    """This time of day in the demo's time zone, this many days ago (ahead, if negative)."""
    day = now.astimezone(ZONE).date() - timedelta(days=days_ago)
    return datetime.combine(day, at, tzinfo=ZONE).astimezone(UTC)
