import numpy as np

from shortlist.offline.interactions import Interactions
from shortlist.offline.ranker_lists import Bought
from support.tiny_logs import DAY_S, START_S, tiny_log

LOG = Interactions.of(tiny_log(), START_S + 120 * DAY_S)


def test_what_was_bought_in_a_span_is_found_among_candidates_with_its_value() -> None:
    at_s, end_s = START_S + 30 * DAY_S, START_S + 60 * DAY_S
    bought = Bought.within(LOG, at_s, end_s)
    users = np.arange(len(LOG.user_ids), dtype=np.int32)
    rows = np.tile(np.arange(LOG.row_count, dtype=np.int32), (len(users), 1))
    labels, values = bought.among(users, rows)
    later = (LOG.times >= at_s) & (LOG.times < end_s)
    expected = np.zeros(labels.shape, np.bool_)
    expected[LOG.users[later], LOG.rows[later]] = True
    np.testing.assert_array_equal(labels, expected)
    assert (values[labels] > 0).all()
    assert not values[~labels].any()


def test_padding_was_never_bought_and_nothing_is_nothing() -> None:
    rows = np.array([[0, 2, 3]], np.int32)
    user = np.array([0], np.int32)
    assert not Bought.within(LOG, 0, LOG.times.max() + 1).among(user, rows)[0][0, 0]
    labels, values = Bought.nothing().among(user, rows)
    assert not labels.any()
    assert not values.any()


def test_each_users_events_are_parted_in_their_order() -> None:
    first, rest = LOG.of_each_user(0.8)
    assert len(first.times) + len(rest.times) == len(LOG.times)
    for user in range(len(LOG.user_ids)):
        own, early, late = (log.times[log.offsets[user] : log.offsets[user + 1]] for log in (LOG, first, rest))
        assert len(early) == int(len(own) * 0.8)
        np.testing.assert_array_equal(np.concatenate([early, late]), own)
