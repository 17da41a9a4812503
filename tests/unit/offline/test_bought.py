"""Looking is not buying: views are part of a history, and of nothing else."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.core.types import EventType
from shortlist.offline.bought import bought_matrix, buy_again, share_bought_again
from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.columns import item_columns, popular_items
from shortlist.offline.interactions import Interactions
from shortlist.offline.log import as_events
from shortlist.offline.requests import all_users_at, bought_before
from support.tiny_logs import DAY_S, START_S, tiny_log

END = START_S + 120 * DAY_S
LOG = tiny_log()
# Of items that were sold before: which is known since when, and in which order, is another matter.
VIEWS = LOG.events.with_columns(
    pl.col("item").reverse(), pl.lit(int(EventType.VIEW)).cast(pl.UInt8).alias("type"), pl.col("time") + 1
).join(LOG.events.group_by("item").agg(sold=pl.col("time").min()), on="item")
EVENTS = pl.concat([LOG.events, VIEWS.filter(pl.col("time") > pl.col("sold")).drop("sold")])
VIEWED = replace(LOG, events=EVENTS.sort("time", maintain_order=True))
BOUGHT, WITH_VIEWS = Interactions.of(LOG, END), Interactions.of(VIEWED, END)


def test_views_are_no_purchases_in_the_matrix_and_the_lists() -> None:
    assert WITH_VIEWS.is_positive.sum() == len(BOUGHT.times) < len(WITH_VIEWS.times)
    for before_s in (END, START_S + 60 * DAY_S):
        np.testing.assert_array_equal(
            bought_matrix(WITH_VIEWS, before_s, 30.0).toarray(), bought_matrix(BOUGHT, before_s, 30.0).toarray()
        )
        np.testing.assert_array_equal(popular_items(WITH_VIEWS, before_s, 20), popular_items(BOUGHT, before_s, 20))


def test_views_do_not_move_the_item_columns() -> None:
    assert list(WITH_VIEWS.vocabulary.ids) == list(BOUGHT.vocabulary.ids)
    known = catalogue_of(LOG.items, BOUGHT.vocabulary)
    np.testing.assert_array_equal(item_columns(WITH_VIEWS, known, END), item_columns(BOUGHT, known, END))


def test_a_basket_holds_what_was_bought_first_and_not_what_was_viewed_first() -> None:
    def baskets(interactions: Interactions) -> list[tuple[int, int, list[int]]]:
        return [(user, time, sorted(items.tolist())) for user, time, _, items in interactions.baskets()]

    first = {(user, int(BOUGHT.offsets[user])) for user in range(len(BOUGHT.user_ids))}
    moments = {(user, int(BOUGHT.times[at])) for user, at in first}
    with_views = [basket for basket in baskets(WITH_VIEWS) if basket[:2] not in moments]
    assert with_views == baskets(BOUGHT)


def test_what_was_only_viewed_may_be_recommended() -> None:
    excluded = bought_before(WITH_VIEWS, all_users_at(WITH_VIEWS, END))
    expected = bought_before(BOUGHT, all_users_at(BOUGHT, END))
    for ours, theirs in zip(excluded, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def purchases(*events: tuple[str, str, int], kind: EventType = EventType.PURCHASE) -> Interactions:
    """Number events of (user, item, day)."""
    users, items, days = zip(*events, strict=True)
    columns = {"user": users, "item": items, "type": int(kind), "time": [START_S + day * DAY_S for day in days]}
    return Interactions.of(replace(LOG, events=as_events(pl.DataFrame(columns).with_columns(value=1.0))), END)


def test_what_a_user_buys_on_another_day_is_bought_again() -> None:
    again = purchases(("ann", "tea", 0), ("bo", "tea", 1), ("ann", "lamp", 1), ("ann", "tea", 2), ("ann", "tea", 3))
    assert share_bought_again(again) == 2 / 5


def test_what_is_in_a_basket_twice_was_bought_once() -> None:
    assert share_bought_again(purchases(("ann", "tea", 0), ("ann", "tea", 0))) == 0.0


def test_clicks_are_not_bought_again() -> None:
    assert share_bought_again(purchases(("ann", "tea", 0), ("ann", "tea", 2), kind=EventType.CLICK)) == 0.0


@pytest.mark.parametrize(("others", "is_often"), [(8, True), (9, False)])
def test_one_purchase_in_ten_is_often_enough(others: int, is_often: bool) -> None:
    interactions = purchases(
        ("ann", "tea", 0), ("ann", "tea", 2), *((f"user-{number}", "tea", 1) for number in range(others))
    )
    assert buy_again(interactions) is is_often
