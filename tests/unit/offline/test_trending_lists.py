import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.ease import ease_weights
from shortlist.offline.interactions import Interactions
from shortlist.offline.neighbours import item_knn_weights
from shortlist.offline.trending_lists import Trend, strongest, trend_of
from support.tiny_logs import DAY_S, START_S, tiny_log

END = START_S + 120 * DAY_S
LOG = Interactions.of(tiny_log(), END)


def test_lists_hold_other_items_strongest_first_and_weights_are_positive() -> None:
    for weights in (ease_weights, item_knn_weights):
        ((rows, votes),) = strongest(weights(LOG, END), LOG, END, [Trend()], 8)
        assert rows.shape == votes.shape == (LOG.row_count, 8)
        assert votes.max() == 1.0
        assert (np.diff(votes.astype(np.float32), axis=1) <= 0).all()
        assert ((rows > 0) == (votes > 0)).all()
        assert not (rows == np.arange(LOG.row_count)[:, None])[FIRST_ITEM_ROW:].any()
        assert not rows[:FIRST_ITEM_ROW].any()


def test_items_speak_for_their_own_category() -> None:
    ((rows, votes),) = strongest(ease_weights(LOG, END), LOG, END, [Trend()], 5)
    numbers = np.array([0, 0, *(int(item_id.split("-")[1]) for item_id in LOG.vocabulary.ids)])
    same = (numbers[rows] % 4 == (numbers % 4)[:, None])[votes > 0]
    assert same.mean() > 0.6


def test_one_pass_gives_what_a_pass_for_each_trend_gives() -> None:
    trends = [Trend(7.0, 0.0), Trend(30.0, 1.0)]
    together = strongest(ease_weights(LOG, END), LOG, END, trends, 6)
    for trend, (rows, votes) in zip(trends, together, strict=True):
        ((alone, strengths),) = strongest(ease_weights(LOG, END), LOG, END, [trend], 6)
        np.testing.assert_array_equal(rows, alone)
        np.testing.assert_array_equal(votes, strengths)


def test_a_full_focus_lists_what_sells_now() -> None:
    """Two others of equal weight, one of which sells now."""
    trend = trend_of(LOG, END, 7.0)
    order = np.argsort(trend[FIRST_ITEM_ROW:]) + FIRST_ITEM_ROW
    rising, falling = int(order[-1]), int(order[0])
    weights = np.zeros((LOG.row_count, LOG.row_count), np.float32)
    weights[2, rising], weights[2, falling] = 0.5, 0.6
    (plain, focused) = strongest([(0, weights)], LOG, END, [Trend(7.0, 0.0), Trend(7.0, 1.0)], 1)
    assert plain[0][2].tolist() == [falling]
    assert focused[0][2].tolist() == [rising]


def test_no_list_sees_its_own_future() -> None:
    moment = START_S + 60 * DAY_S
    past = LOG.before(moment)
    for weights in (ease_weights, item_knn_weights):
        ((rows, votes),) = strongest(weights(LOG, moment), LOG, moment, [Trend()], 8)
        ((past_rows, past_votes),) = strongest(weights(past, moment), past, moment, [Trend()], 8)
        np.testing.assert_array_equal(rows, past_rows)
        np.testing.assert_array_equal(votes, past_votes)
