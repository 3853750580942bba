"""Actions over HTTP during a send: start, pause, resume, cancel, unsubscribe."""

from __future__ import annotations

import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core import clock, queue, signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery, State, Wave
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings_queries
from tests.factories import make_operator
from tests.faults.browser import Browser
from tests.faults.faults import fault
from tests.faults.sink import Receipt, Sink
from tests.faults.world import START_S, Mailing, Report, World

THREADS = 6
CLICKING_S, CLICKING_IN_CUT_S = 6.0, 2.5
LEAVERS, LEAVER_THREADS = 500, 4
ON_ITS_WAY_S = 2.0  # G5: within a window, a second at usual rates
STARTS = 5
_dice = random.Random(11)


@fault("pause, resume clicked at once", cut="postgres")
def pauses(world: World) -> Report:
    with Sink() as sink:
        browsers = _signed_in(world)
        mailing = world.mailing(sink)
        mailing.goes_on()
        path = f"/campaigns/{mailing.campaign_id}"
        seconds = CLICKING_IN_CUT_S if world.is_cut else CLICKING_S
        clicks = _clicking(browsers, mailing, [f"{path}/pause", f"{path}/pause/delete"], seconds=seconds)
        if mailing.campaign()[0] is Status.PAUSED:
            mailing.resume()
        moments = [time.time()] if mailing.accepted < len(mailing.wanted) else []
        mailing.ends()
        report = mailing.report("pause, resume clicked at once", moments, target_s=15, least_injected=0)
        return _with_clicks(report, clicks)


@fault("pause, resume, cancel clicked at once")
def cancels(world: World) -> Report:
    """The campaign ends cancelled, and no message starts after that."""
    with Sink() as sink:
        browsers = _signed_in(world)
        mailing = world.mailing(sink)
        mailing.goes_on()
        path = f"/campaigns/{mailing.campaign_id}"
        clicks = _clicking(browsers, mailing, [f"{path}/pause", f"{path}/pause/delete"], seconds=2.5)
        clicks += _clicking(
            browsers,
            mailing,
            [f"{path}/pause", f"{path}/pause/delete", f"{path}/cancellation"],
            seconds=1.0,
        )
        ended = time.time()
        mailing.ends(Status.CANCELLED)
        report = mailing.report("pause, resume, cancel clicked at once", [], least_injected=0)
        late = [each for each in sink.book.receipts if each.begun_at > ended + ON_ITS_WAY_S]
        if late:
            report.problems.append(
                f"{len(late)} mails began more than {ON_ITS_WAY_S} s after the cancellation"
            )
        return _with_clicks(report, clicks)


def _with_clicks(report: Report, clicks: Counter[int]) -> Report:
    report.injected = sum(clicks.values())
    wrong = {status: number for status, number in clicks.items() if status not in (200, 302, 303, 409)}
    if wrong:
        report.problems.append(f"answers that are none: {wrong}")
    if report.injected < THREADS:
        report.problems.append("hardly anybody clicked")
    return report


def _signed_in(world: World) -> list[Browser]:
    """Browsers of several operators, signed in before the send, because that takes as long as a short one."""
    with_web(world)
    with world.app.app_context():
        email = make_operator().email
        db.session.remove()
    browsers = [Browser(f"http://127.0.0.1:{world.port}") for _each in range(THREADS)]
    for browser in browsers:
        browser.sign_in(email)
    return browsers


def _clicking(browsers: list[Browser], mailing: Mailing, paths: list[str], *, seconds: float) -> Counter[int]:
    """Several operators click at random; returns the number of responses by status."""
    counts: Counter[int] = Counter()
    books = threading.Lock()
    until = time.monotonic() + seconds

    def click(browser: Browser) -> None:
        while time.monotonic() < until and mailing.accepted < len(mailing.wanted):
            browser.post(_dice.choice(paths))
            with books:
                counts[browser.status] += 1

    _together([lambda browser=browser: click(browser) for browser in browsers])  # type: ignore[misc]
    return counts


def with_web(world: World) -> None:
    """The web server is up and responds."""
    if not world.web.is_running:
        world.web.start()

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{world.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    assert world.until(answers, timeout_s=START_S), f"the web server does not answer\n{world.tail()}"


def _together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)


@fault("500 unsubscribe during the send", cut="sqlite")
def leavers(world: World) -> Report:
    """Whoever has unsubscribed (committed) and is not on the wire yet gets nothing.

    No clock is used: a row that was not started when it was read after the unsubscribe was committed must
    never start. The claim checks in the transaction that marks it. If a writer blocks the database, an
    unsubscribe is answered at once and committed later, so that is waited for.
    """
    with Sink(slow_s=0.2) as sink:  # until all have unsubscribed: a busy machine may be slow
        with_web(world)
        mailing = world.mailing(sink)
        mailing.goes_on()
        tokens = _tokens(world, mailing, min(LEAVERS, len(mailing.wanted) // 2))
        left: dict[str, bool] = {}  # whether nothing had started for them after they had unsubscribed
        books = threading.Lock()

        def leave(part: list[tuple[str, int, str]]) -> None:
            for address, number, token in part:
                request = urllib.request.Request(
                    f"http://127.0.0.1:{world.port}/u/{token}", data=b"List-Unsubscribe=One-Click"
                )
                with urllib.request.urlopen(request, timeout=30) as answer:
                    assert answer.status in (200, 202, 204), answer.status
                if not _is_committed(mailing, number):
                    continue
                is_untouched = mailing.is_untouched(number)
                with books:
                    left[address] = is_untouched

        _together(
            [lambda n=n: leave(tokens[n::LEAVER_THREADS]) for n in range(LEAVER_THREADS)]  # type: ignore[misc]
        )
        sink.slow_s = 0.005
        mailing.ends()
        return _left(mailing, left, sink.book.receipts, wanted=len(tokens))


def _is_committed(mailing: Mailing, number: int) -> bool:
    """Whether this recipient's unsubscribe is committed within a minute."""
    until = time.monotonic() + 60
    while not mailing.has_left(number):
        if time.monotonic() > until:
            return False
        time.sleep(0.03)
    return True


def _tokens(world: World, mailing: Mailing, number: int) -> list[tuple[str, int, str]]:
    """Waiting addresses, the last first, with their rows and the tokens of their messages."""
    with world.app.app_context():
        key = settings_queries.link_key()
        rows = db.session.execute(
            sa.select(Subscriber.email, Delivery.id)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Delivery.campaign_id == mailing.campaign_id, Delivery.state == State.PENDING)
            .order_by(Delivery.id.desc())
            .limit(number)
        ).all()
        db.session.remove()
        return [(row.email, row.id, signing.sign(key, Purpose.SUBSCRIPTION, row.id)) for row in rows]


def _left(mailing: Mailing, left: dict[str, bool], receipts: list[Receipt], *, wanted: int) -> Report:
    report = mailing.report("500 unsubscribe during the send", [], least_injected=0)
    report.injected = len(left)
    waited = {address for address, is_untouched in left.items() if is_untouched}
    late = sorted(waited & {each.address for each in receipts}) + _started(mailing, waited)
    if len(left) < wanted:
        report.problems.append(f"only {len(left)} of {wanted} could leave")
    if late:
        report.problems.append(f"{len(late)} were started after they had left: {', '.join(late[:3])}")
    if not waited:
        report.problems.append("nobody was left out: they left too late to show anything")
    return report


def _started(mailing: Mailing, addresses: set[str]) -> list[str]:
    """Those addresses that were ever started, by the ledger (0 by G4)."""
    statement = (
        sa.select(Subscriber.email)
        .join(Delivery, Delivery.subscriber_id == Subscriber.id)
        .where(Delivery.campaign_id == mailing.campaign_id, Delivery.started_at.is_not(None))
    )
    with mailing.world.app.app_context():
        found = addresses.intersection(db.session.scalars(statement))
        db.session.remove()
    return sorted(found)


@fault("kill -9 web during Start")
def starts(world: World) -> Report:
    """Start is pressed and the web server dies; pressed again until started. Everyone gets one message."""
    with_web(world)
    with world.app.app_context():
        email = make_operator().email
        db.session.remove()
    reports = []
    with Sink(slow_s=0.002) as sink:
        for number in range(STARTS):
            mailing = world.mailing(sink, people=40, status=Status.DRAFT, send_at=None)
            _start(world, mailing, email, delay_s=0.03 * number)
            mailing.ends()
            mailing.sinks = [_only(sink, set(mailing.wanted))]
            reports.append(mailing.report("kill -9 web during Start", [time.time()], recovery_s=0))
            waves = _waves(mailing)
            if waves != 1:
                reports[-1].problems.append(f"{waves} waves")
    world.web.stop()
    total = reports[0]
    for report in reports[1:]:
        total.injected += report.injected
        total.lost += report.lost
        total.duplicates += report.duplicates
        total.problems += report.problems
    return total


def _only(sink: Sink, addresses: set[str]) -> Sink:
    """A sink with only the receipts of these people."""
    found = Sink()
    found.book.receipts = [each for each in sink.book.receipts if each.address in addresses]
    return found


def _start(world: World, mailing: Mailing, email: str, *, delay_s: float) -> None:
    """Press Start, kill the web server meanwhile, and press again until the campaign is not a draft."""
    browser = Browser(f"http://127.0.0.1:{world.port}")
    browser.sign_in(email)
    form = {"when": "now", "version": "1"}
    press = threading.Thread(target=browser.post, args=(f"/campaigns/{mailing.campaign_id}/schedule", form))
    press.start()
    time.sleep(delay_s)
    world.web.kill_tree()
    press.join(40)
    for _attempt in range(5):
        with_web(world)
        if mailing.campaign()[0] is not Status.DRAFT:
            break
        browser.sign_in(email)
        browser.post(f"/campaigns/{mailing.campaign_id}/schedule", form)
    with world.app.app_context():  # "now" can be undone for a minute: let it pass
        statement = sa.update(Campaign).where(
            Campaign.id == mailing.campaign_id, Campaign.status == Status.SCHEDULED
        )
        db.session.execute(statement.values(send_at=clock.now() - timedelta(seconds=1)))
        db.session.commit()
        db.session.remove()
        queue.nudge()


def _waves(mailing: Mailing) -> int:
    with mailing.world.app.app_context():
        statement = sa.select(sa.func.count()).select_from(Wave).filter_by(campaign_id=mailing.campaign_id)
        number = db.session.scalar(statement) or 0
        db.session.remove()
        return number
