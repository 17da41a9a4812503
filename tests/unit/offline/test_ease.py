import numpy as np
from scipy import sparse

from shortlist.offline.ease import RIDGE, EaseWeights, ease_weights
from shortlist.offline.interactions import Interactions
from support.tiny_logs import DAY_S, START_S, tiny_log

END = START_S + 120 * DAY_S
LOG = Interactions.of(tiny_log(), END)


def _whole(interactions: Interactions, at_s: int) -> np.ndarray:
    return np.concatenate([block for _, block in ease_weights(interactions, at_s)])


def test_no_item_speaks_for_itself() -> None:
    weights = _whole(LOG, END)
    assert weights.shape == (LOG.row_count, LOG.row_count)
    assert not np.diag(weights).any()


def test_solving_in_users_gives_what_solving_in_items_gives() -> None:
    bought = (np.random.default_rng(0).random((12, 30)) < 0.3).astype(np.float32)
    in_users = np.concatenate([block for _, block in EaseWeights(sparse.csr_array(bought), RIDGE).blocks()])
    precision = np.linalg.inv(bought.T @ bought + RIDGE * np.eye(30))
    in_items = -precision / np.diag(precision)
    off_diagonal = ~np.eye(30, dtype=np.bool_)
    np.testing.assert_allclose(in_users[off_diagonal], in_items[off_diagonal], atol=1e-6)


def test_no_weight_sees_its_own_future() -> None:
    moment = START_S + 60 * DAY_S
    np.testing.assert_array_equal(_whole(LOG, moment), _whole(LOG.before(moment), moment))
