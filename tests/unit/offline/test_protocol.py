import numpy as np
import polars as pl
import pytest

from shortlist.core.arrays import I32
from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog
from shortlist.offline.protocol import TestSet, Trial, evaluate


def _log(*events: tuple[str, str, int], kind: EventType = EventType.PURCHASE) -> BehaviourLog:
    rows = [(user, item, int(kind), time, 1.0) for user, item, time in events]
    return BehaviourLog(
        "test", pl.DataFrame(rows, EVENT_SCHEMA, orient="row"), pl.DataFrame(schema=ITEM_SCHEMA), len(rows)
    )


TRAIN = Interactions.of(_log(("ann", "a", 1), ("ann", "b", 2), ("bob", "a", 3), ("cid", "c", 4)), until_s=10)
A, B, C = TRAIN.vocabulary.rows_of_ids(["a", "b", "c"]).tolist()


def test_relevant_are_the_new_known_items_of_known_users() -> None:
    later = _log(
        ("ann", "a", 10),  # bought before
        ("ann", "c", 11),
        ("ann", "c", 12),  # once is enough
        ("bob", "z", 13),  # an item that training does not know
        ("cid", "a", 14),
        ("cid", "b", 15),
        ("dan", "a", 16),  # a user whom training does not know
    )
    test = TestSet.build(TRAIN, later)
    assert [TRAIN.user_ids[user] for user in test.users] == ["ann", "cid"]
    assert [test.relevant[at].tolist() for at in range(2)] == [[C], [A, B]]
    assert [test.histories[at].tolist() for at in range(2)] == [[A, B], [C]]
    assert test.unknown_users == 1
    assert test.unknown_items == 1


def test_with_repurchases_what_was_bought_before_is_candidate_and_relevant() -> None:
    later = _log(("ann", "a", 10), ("ann", "c", 11), ("bob", "a", 12), ("cid", "z", 13), ("dan", "a", 14))
    test = TestSet.build(TRAIN, later, repurchases=True)
    assert [TRAIN.user_ids[user] for user in test.users] == ["ann", "bob"]
    assert [test.relevant[at].tolist() for at in range(2)] == [[A, C], [A]]
    assert [test.histories[at].tolist() for at in range(2)] == [[], []]
    assert (test.unknown_users, test.unknown_items) == (1, 1)


def test_a_trial_within_a_log_sees_one_horizon_and_only_what_was_known() -> None:
    log = _log(
        ("ann", "a", 1),
        ("bob", "b", 2),
        ("ann", "b", 5),
        ("ann", "a", 6),  # bought before
        ("bob", "z", 6),  # nobody had bought it by then
        ("new", "a", 7),  # who had no past by then
        ("bob", "a", 9),  # beyond the horizon
    )
    interactions = Interactions.of(log, until_s=100)
    trial = Trial.within(interactions, at_s=5, horizon_s=4)
    assert trial is not None
    assert trial.past.times.tolist() == [1, 2]
    assert [interactions.user_ids[user] for user in trial.test.users] == ["ann"]
    assert trial.test.relevant[0].tolist() == interactions.vocabulary.rows_of_ids(["b"]).tolist()


def test_a_moment_after_which_nobody_buys_anything_new_makes_no_trial() -> None:
    assert Trial.within(TRAIN, at_s=4, horizon_s=9) is None


def test_views_and_hides_are_not_positive() -> None:
    with pytest.raises(InputError, match="no user known before the cut"):
        TestSet.build(TRAIN, _log(("ann", "c", 11), kind=EventType.VIEW))


def test_a_later_part_without_anything_new_is_refused() -> None:
    with pytest.raises(InputError, match="no user known before the cut does something new"):
        TestSet.build(TRAIN, _log(("ann", "a", 11), ("dan", "a", 12)))


class _Fixed:
    """Lists the same rows for everyone and remembers whom it was asked for."""

    def __init__(self, *rows: int) -> None:
        self.rows, self.asked = rows, 0

    def recommend(self, users: I32, excluded: ItemSets, k: int) -> I32:
        assert len(users) == len(excluded)
        self.asked += len(users)
        listed = np.zeros((len(users), k), np.int32)
        listed[:, : len(self.rows)] = self.rows[:k]
        return listed


def test_each_user_gets_a_number_for_each_metric() -> None:
    test = TestSet.build(TRAIN, _log(("ann", "c", 11), ("cid", "a", 14), ("cid", "b", 15)))
    results = evaluate(_Fixed(C, A), test, k=3)
    assert results["recall@3"].tolist() == [1.0, 0.5]
    assert results["mrr@3"].tolist() == [1.0, 0.5]
    assert results["hit_rate@3"].tolist() == [1.0, 1.0]
    second = 1 / np.log2(3)
    assert results["ndcg@3"] == pytest.approx([1.0, second / (1 + second)])


def test_many_users_are_asked_for_block_by_block() -> None:
    events = [(f"user-{n:04}", "a", 1) for n in range(1_200)] + [("other", "b", 2)]
    train = Interactions.of(_log(*events), until_s=10)
    test = TestSet.build(train, _log(*[(f"user-{n:04}", "b", 11) for n in range(1_200)]))
    recommender = _Fixed(*train.vocabulary.rows_of_ids(["b"]))
    assert evaluate(recommender, test)["hit_rate@10"].tolist() == [1.0] * 1_200
    assert recommender.asked == 1_200
