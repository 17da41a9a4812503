"""A log goes through both doors: encoded for training, and stored as user rows that serving reads."""

import numpy as np
import pytest

from shortlist.features.encode import encode_histories, encode_user_dense
from shortlist.features.row import MAX_EVENTS, UserRow
from shortlist.features.seed import user_rows
from shortlist.offline.interactions import Interactions
from shortlist.offline.requests import all_users_at, histories_at
from support.tiny_logs import DAY_S, START_S, tiny_log

END_S = START_S + 120 * DAY_S
LOG = Interactions.of(tiny_log(), END_S)


@pytest.mark.parametrize("days", [30, 75, 120])
def test_training_and_serving_see_the_same_of_every_user(days: int) -> None:
    at_s = START_S + days * DAY_S
    learnt = all_users_at(LOG, at_s)
    stored = dict(user_rows(histories_at(LOG, at_s), LOG.vocabulary, at_s, at_s))
    rows = [UserRow.decode(stored[LOG.user_ids[user]].encode()) for user in learnt.users]
    now_s = np.full(len(rows), float(at_s))
    history = encode_histories(rows, [()] * len(rows), LOG.vocabulary, now_s, MAX_EVENTS)
    width = learnt.history.rows.shape[1]
    for name in ("rows", "types", "ages"):
        np.testing.assert_array_equal(getattr(history.newest(width), name), getattr(learnt.history, name))
    np.testing.assert_allclose(encode_user_dense(rows, history, now_s), learnt.user_dense, rtol=1e-6)
