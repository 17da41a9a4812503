import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline import ease
from shortlist.offline.ease import ease_lists
from shortlist.offline.interactions import Interactions
from support.tiny_logs import DAY_S, START_S, tiny_log

END = START_S + 120 * DAY_S
LOG = Interactions.of(tiny_log(), END)


def test_lists_hold_other_items_strongest_first_and_weights_are_positive() -> None:
    rows, weights = ease_lists(LOG, END, 8)
    assert rows.shape == weights.shape == (LOG.row_count, 8)
    assert weights.max() == 1.0
    assert (np.diff(weights.astype(np.float32), axis=1) <= 0).all()
    assert ((rows > 0) == (weights > 0)).all()
    assert not (rows == np.arange(LOG.row_count)[:, None])[FIRST_ITEM_ROW:].any()
    assert not rows[:FIRST_ITEM_ROW].any()


def test_items_speak_for_their_own_category() -> None:
    rows, weights = ease_lists(LOG, END, 5)
    numbers = np.array([0, 0, *(int(item_id.split("-")[1]) for item_id in LOG.vocabulary.ids)])
    held = weights > 0
    same = (numbers[rows] % 4 == (numbers % 4)[:, None])[held]
    assert same.mean() > 0.6


def test_solving_in_users_gives_what_solving_in_items_gives() -> None:
    bought = (np.random.default_rng(0).random((12, 30)) < 0.3).astype(np.float32)
    in_users = np.concatenate([block for _, block in ease._weights(bought)])
    precision = np.linalg.inv(bought.T @ bought + ease.RIDGE * np.eye(30))
    in_items = -precision / np.diag(precision)
    off_diagonal = ~np.eye(30, dtype=np.bool_)
    np.testing.assert_allclose(in_users[off_diagonal], in_items[off_diagonal], atol=1e-6)


def test_no_list_sees_its_own_future() -> None:
    moment = START_S + 60 * DAY_S
    rows, weights = ease_lists(LOG, moment, 8)
    past_rows, past_weights = ease_lists(LOG.before(moment), moment, 8)
    np.testing.assert_array_equal(rows, past_rows)
    np.testing.assert_array_equal(weights, past_weights)
