import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.baselines import ItemKnn, Popularity, best_new
from shortlist.offline.clean import after, before, split_at
from shortlist.offline.interactions import Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.log import BehaviourLog
from shortlist.offline.protocol import TestSet, evaluate
from support.tiny_logs import tiny_log


def _split(log: BehaviourLog) -> tuple[Interactions, TestSet]:
    cut = split_at(log, 0.8)
    train = Interactions.of(before(log, cut), cut)
    return train, TestSet.build(train, after(log, cut))


TRAIN, TEST = _split(tiny_log(items=80))


def test_a_popular_item_is_one_of_many_buyers_not_of_many_purchases() -> None:
    buyers = [len(set(TRAIN.users[row == TRAIN.rows])) for row in range(TRAIN.row_count)]
    nobody = ItemSets.from_pairs(np.zeros(0, np.int32), np.zeros(0, np.int32), 1)
    best = Popularity(TRAIN).recommend(np.zeros(1, np.int32), nobody, 5)[0]
    assert sorted((buyers[row] for row in best), reverse=True) == sorted(buyers, reverse=True)[:5]


def test_recent_popularity_beats_all_time_popularity_where_the_fashion_moves() -> None:
    recent = evaluate(Popularity(TRAIN, days=14), TEST)["ndcg@10"].mean()
    assert recent > evaluate(Popularity(TRAIN), TEST)["ndcg@10"].mean()


def test_neighbours_of_the_history_beat_popularity_where_there_is_taste() -> None:
    knn = evaluate(ItemKnn(TRAIN), TEST)["ndcg@10"].mean()
    assert knn > 1.1 * evaluate(Popularity(TRAIN), TEST)["ndcg@10"].mean()


def test_no_baseline_lists_an_item_twice_or_one_that_the_user_has() -> None:
    for recommender in (Popularity(TRAIN), Popularity(TRAIN, days=14), ItemKnn(TRAIN)):
        for user, listed in enumerate(recommender.recommend(TEST.users, TEST.histories, 80)):
            rows = listed[listed >= FIRST_ITEM_ROW]
            assert len(set(rows)) == len(rows)
            assert not set(rows) & set(TEST.histories[user])


def test_a_list_ends_in_padding_where_nothing_has_a_score() -> None:
    histories = ItemSets.from_pairs(np.array([0]), np.array([2]), 1)
    scores = np.array([[0.0, 0.0, 9.0, 1.0, 2.0]], np.float32)
    assert best_new(scores, histories, 7).tolist() == [[4, 3, 0, 0, 0, 0, 0]]
