"""Pages of rows."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import List, Subscriber, Subscription
from campaigns.core.paging import paginate
from tests.factories import make_list, make_subscriber


def test_a_page_counts_all_rows_and_holds_its_own(each_database: Flask) -> None:
    readers = [make_list("One"), make_list("Two")]
    for number in range(7):
        make_subscriber(f"reader{number}@example.org", lists=readers if number % 2 else readers[:1])
    everybody = sa.select(Subscriber).order_by(Subscriber.id)
    page = paginate(everybody, number=2, size=3)
    assert [each.email for each in page.items] == [f"reader{number}@example.org" for number in (3, 4, 5)]
    assert (page.total, page.pages, page.first, page.last) == (7, 3, 4, 6)
    assert paginate(everybody, number=9, size=3).number == 3


def test_joins_filters_and_groups_count_as_the_rows_they_make(each_database: Flask) -> None:
    readers = [make_list("One"), make_list("Two")]
    for number in range(5):
        make_subscriber(f"reader{number}@example.org", lists=readers if number % 2 else readers[:1])
    joined = sa.select(Subscriber).join(Subscription).join(List).where(List.name == "Two")
    grouped = sa.select(Subscription.list_id, sa.func.count()).group_by(Subscription.list_id)
    distinct = sa.select(Subscription.subscriber_id).distinct()
    assert paginate(joined, number=1).total == 2
    assert paginate(grouped, number=1, scalars=False).total == 2
    assert paginate(distinct, number=1).total == 5
