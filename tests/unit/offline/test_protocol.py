import numpy as np
import polars as pl
import pytest

from shortlist.core.arrays import I32
from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog
from shortlist.offline.protocol import TestSet, evaluate


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

    def recommend(self, users: I32, histories: ItemSets, k: int) -> I32:
        assert len(users) == len(histories)
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
