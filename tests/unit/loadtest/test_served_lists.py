"""What a running cluster is asked for the users of a trial, and what is read from its answers."""

import numpy as np
import polars as pl
import pytest
from loadtest.served_lists import bought_beyond, lists_of, requests_of

from shortlist.core.types import EventType
from shortlist.features.row import MAX_EVENTS
from shortlist.gateway.requests import MAX_EXCLUDED_ITEMS
from shortlist.offline.interactions import Interactions
from shortlist.offline.log import ITEM_SCHEMA, BehaviourLog, as_events
from shortlist.offline.protocol import Trial
from shortlist.offline.requests import histories_at
from shortlist.release.vocabulary import Vocabulary
from shortlist.v1.recommender_pb2 import RecommendedItem, RecommendResponse

CUT_S = 1_000_000


def _log(**bought: range) -> BehaviourLog:
    """Let each user buy the items of a range, one a second."""
    rows = [(user, f"item-{item:04}", second) for user, items in bought.items() for second, item in enumerate(items)]
    events = pl.DataFrame(rows, ["user", "item", "time"], orient="row").with_columns(
        type=pl.lit(int(EventType.PURCHASE)), value=pl.lit(1.0)
    )
    return BehaviourLog("test", as_events(events), pl.DataFrame(schema=ITEM_SCHEMA), len(rows))


def _trial(bought: int) -> Trial:
    """Make a trial of a user who bought that many items, and one who bought three."""
    past = Interactions.of(_log(heavy=range(bought), light=range(bought - 1, bought + 2)), CUT_S)
    return Trial.after(past, CUT_S, _log(heavy=range(bought, bought + 1), light=range(1)))


def _item_ids(items: range) -> set[str]:
    return {f"item-{item:04}" for item in items}


@pytest.mark.parametrize(
    ("bought", "beyond"), [(MAX_EVENTS, 0), (MAX_EVENTS + 44, 44), (MAX_EVENTS + MAX_EXCLUDED_ITEMS + 1, 1001)]
)
def test_a_request_excludes_what_was_bought_and_fell_out_of_the_row_as_far_as_it_may(bought: int, beyond: int) -> None:
    trial = _trial(bought)
    rows = bought_beyond(trial, histories_at(trial.past, trial.at_s))
    assert [len(one) for one in rows] == [beyond, 0]
    heavy, light = requests_of(trial, rows)
    assert len(heavy.filter.exclude_item_ids) == min(beyond, MAX_EXCLUDED_ITEMS)
    assert set(heavy.filter.exclude_item_ids) <= _item_ids(range(beyond))  # the oldest are those that fell out
    assert list(light.filter.exclude_item_ids) == []


def test_a_request_asks_for_all_that_is_measured_at_the_moment_of_the_trial() -> None:
    trial = _trial(3)
    heavy, light = requests_of(trial, [np.zeros(0, np.int32)] * 2)
    assert [heavy.user_id, light.user_id] == ["heavy", "light"]
    assert (heavy.limit, heavy.filter.exclude_seen) == (200, True)
    assert heavy.context.time.seconds == CUT_S


def test_answers_become_rows_in_their_order_and_short_ones_are_padded() -> None:
    vocabulary = Vocabulary.build(["a", "b", "c"])
    answers = [RecommendResponse(items=[RecommendedItem(item_id=name) for name in names]) for names in ("cab", "", "b")]
    listed = lists_of(answers, vocabulary)
    a, b, c = vocabulary.rows_of_ids(["a", "b", "c"]).tolist()
    assert listed.shape == (3, 200)
    assert [row[row > 0].tolist() for row in listed] == [[c, a, b], [], [b]]
    assert not listed[:, 3:].any()
