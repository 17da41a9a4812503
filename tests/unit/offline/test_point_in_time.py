"""No feature sees its own future: what came after a moment is replaced by something else, and nothing may change."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.offline.bought import bought_matrix
from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.columns import item_columns, popular_items
from shortlist.offline.ease import ease_weights
from shortlist.offline.factors import item_factors
from shortlist.offline.interactions import Interactions
from shortlist.offline.neighbours import item_knn_weights
from shortlist.offline.requests import all_users_at, bought_before, histories_at
from shortlist.offline.tower_examples import PERIOD_DAYS, TowerExamples
from shortlist.offline.trending_lists import Trend, strongest, trend_of
from shortlist.ranking.profile import category_shares
from support.tiny_logs import DAY_S, START_S, tiny_log

AT_S = START_S + 70 * DAY_S
END_S = START_S + 120 * DAY_S
LOG = tiny_log()

Feature = Callable[[Interactions, int], np.ndarray]


def _with_another_future() -> Interactions:
    """Let everyone buy other things after the moment; users and items keep their numbers."""
    is_later = LOG.events["time"] >= AT_S
    later = LOG.events.filter(is_later).with_columns(pl.col("item").reverse(), pl.col("value").reverse())
    events = pl.concat([LOG.events.filter(~is_later), later]).sort("time", maintain_order=True)
    return Interactions.of(replace(LOG, events=events), END_S)


AS_IT_WAS, OTHERWISE = Interactions.of(LOG, END_S), _with_another_future()
CATALOGUE = catalogue_of(LOG.items, AS_IT_WAS.vocabulary)


def sees_its_future(feature: Feature) -> bool:
    """Tell whether a feature of a moment depends on what came after it."""
    return not np.array_equal(feature(AS_IT_WAS, AT_S), feature(OTHERWISE, AT_S))


def _columns(interactions: Interactions, at_s: int) -> np.ndarray:
    return item_columns(interactions, CATALOGUE, at_s)


def _whole(blocks: object) -> np.ndarray:
    return np.concatenate([block for _, block in blocks])  # type: ignore[attr-defined]


def _towers_columns(interactions: Interactions, at_s: int) -> np.ndarray:
    week = (at_s - int(interactions.times.min())) // (PERIOD_DAYS * DAY_S)
    return TowerExamples.of(interactions, CATALOGUE).columns[week].numpy()


def _shares(interactions: Interactions, at_s: int) -> np.ndarray:
    history = all_users_at(interactions, at_s).history
    every = np.tile(np.arange(interactions.row_count, dtype=np.int32), (len(history.rows), 1))
    return category_shares(history, every, CATALOGUE.categories)


def _lists(interactions: Interactions, at_s: int) -> np.ndarray:
    ((rows, _),) = strongest(ease_weights(interactions, at_s), interactions, at_s, [Trend()], 5)
    return rows


FEATURES: dict[str, Feature] = {
    "item columns": _columns,
    "columns of the towers' weeks": _towers_columns,
    "popular items": lambda log, at_s: popular_items(log, at_s, 20),
    "trend": lambda log, at_s: trend_of(log, at_s, 7.0),
    "who bought what": lambda log, at_s: bought_matrix(log, at_s, 30.0).toarray(),
    "weights of EASE": lambda log, at_s: _whole(ease_weights(log, at_s)),
    "weights of item-kNN": lambda log, at_s: _whole(item_knn_weights(log, at_s)),
    "neighbour lists": _lists,
    "factors": lambda log, at_s: item_factors(log.before(at_s), 8, seed=1),
    "histories": lambda log, at_s: all_users_at(log, at_s).history.rows,
    "ages": lambda log, at_s: all_users_at(log, at_s).history.ages,
    "user features": lambda log, at_s: all_users_at(log, at_s).user_dense,
    "exclusions": lambda log, at_s: np.concatenate(bought_before(log, all_users_at(log, at_s))),
    "stored histories": lambda log, at_s: histories_at(log, at_s).rows,
    "shares of categories": _shares,
}


def test_the_two_futures_differ() -> None:
    assert sees_its_future(lambda log, _: log.rows)


@pytest.mark.parametrize("name", FEATURES)
def test_no_feature_sees_its_own_future(name: str) -> None:
    assert not sees_its_future(FEATURES[name])


@pytest.mark.parametrize("name", sorted(set(FEATURES) - {"factors"}))
def test_a_planted_leak_of_ten_days_is_found(name: str) -> None:
    assert sees_its_future(lambda log, at_s: FEATURES[name](log, at_s + 10 * DAY_S))


def test_a_planted_leak_of_the_whole_log_is_found() -> None:
    assert sees_its_future(lambda log, _: item_factors(log, 8, seed=1))
