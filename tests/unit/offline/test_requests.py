import numpy as np
import polars as pl

from shortlist.core.types import EventType
from shortlist.offline.interactions import Interactions
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog
from shortlist.offline.requests import all_users_at, bought_before, encode_requests, histories_at
from support.tiny_logs import DAY_S, START_S, tiny_log


def _interactions(*events: tuple[str, str, int]) -> Interactions:
    rows = [(user, item, int(EventType.PURCHASE), time_s, 1.0) for user, item, time_s in events]
    log = BehaviourLog("test", pl.DataFrame(rows, EVENT_SCHEMA, orient="row"), pl.DataFrame(schema=ITEM_SCHEMA), 0)
    return Interactions.of(log, until_s=10**9)


def test_a_history_holds_the_newest_event_of_each_item_newest_first() -> None:
    interactions = _interactions(("ann", "a", 100), ("ann", "b", 200), ("ann", "a", 300), ("ann", "c", 400))
    a, b, c = interactions.vocabulary.rows_of_ids(["a", "b", "c"]).tolist()
    assert all_users_at(interactions, 500).history.rows[0, :4].tolist() == [c, a, b, 0]
    # At 250 the second purchase of a has not happened yet.
    assert all_users_at(interactions, 250).history.rows[0, :4].tolist() == [b, a, 0, 0]


def test_a_request_of_the_past_is_the_same_with_and_without_what_came_later() -> None:
    log = tiny_log()
    everything = Interactions.of(log, START_S + 120 * DAY_S)
    at_s = START_S + 60 * DAY_S
    seen, past = all_users_at(everything, at_s), all_users_at(everything.before(at_s), at_s)
    np.testing.assert_array_equal(seen.history.rows, past.history.rows)
    np.testing.assert_array_equal(seen.history.ages, past.history.ages)
    np.testing.assert_array_equal(seen.user_dense, past.user_dense)


def test_baskets_give_new_items_and_only_what_came_before_them() -> None:
    interactions = _interactions(
        ("ann", "a", 100), ("ann", "b", 100), ("ann", "a", 200), ("ann", "c", 200), ("bob", "a", 150), ("bob", "a", 300)
    )
    c = interactions.vocabulary.rows_of_ids(["c"]).tolist()
    ((user, at_s, earlier, new),) = interactions.baskets()
    assert (interactions.user_ids[user], at_s, new.tolist()) == ("ann", 200, c)
    assert interactions.times[earlier].tolist() == [100, 100]
    request = encode_requests(interactions, [(user, at_s, earlier)])
    assert sorted(request.history.rows[0, :3].tolist())[1:] == sorted(interactions.rows[earlier].tolist())


def test_released_histories_are_those_of_the_last_request() -> None:
    interactions = Interactions.of(tiny_log(), START_S + 120 * DAY_S)
    at_s = START_S + 120 * DAY_S
    histories, requests = histories_at(interactions, at_s), all_users_at(interactions, at_s)
    for user in range(len(histories)):
        rows = histories.rows[histories.span(user)]
        assert requests.history.rows[user, : len(rows)].tolist() == rows.tolist()


def test_what_was_bought_before_is_listed_once() -> None:
    interactions = _interactions(("ann", "a", 100), ("ann", "a", 200), ("ann", "b", 400))
    requests = all_users_at(interactions, 300)
    assert [rows.tolist() for rows in bought_before(interactions, requests)] == [
        interactions.vocabulary.rows_of_ids(["a"]).tolist()
    ]
