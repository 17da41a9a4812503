import numpy as np
import pytest

from shortlist.offline.list_metrics import coverage_at, diversity_at, novelty_at

LISTED = np.array([[2, 3, 4], [2, 5, 0]], np.int32)


def test_coverage_counts_items_shown_to_anybody_once_and_no_padding() -> None:
    assert coverage_at(2, LISTED, items=10) == pytest.approx(0.3)
    assert coverage_at(3, LISTED, items=10) == pytest.approx(0.4)


def test_novelty_is_one_bit_for_what_half_of_the_users_bought() -> None:
    buyers = np.array([0, 0, 8, 4, 2, 1])
    # Of 8 users: 0 bits for row 2, twice, 1 for row 3, 3 for row 5; the padding counts nothing.
    assert novelty_at(2, LISTED, buyers, users=8) == pytest.approx((0 + 1 + 0 + 3) / 4)


def test_what_nobody_bought_is_as_novel_as_what_one_user_bought() -> None:
    assert novelty_at(1, np.array([[2]], np.int32), np.zeros(3, np.int64), users=8) == pytest.approx(3.0)


def test_no_list_has_no_novelty() -> None:
    assert novelty_at(10, np.zeros((3, 10), np.int32), np.ones(3, np.int64), users=8) == 0.0


def test_diversity_is_one_minus_the_mean_cosine_of_all_pairs() -> None:
    embeddings = np.zeros((6, 2), np.float32)
    embeddings[2], embeddings[3], embeddings[4], embeddings[5] = (1, 0), (2, 0), (0, 1), (-1, 0)
    diversity = diversity_at(3, LISTED, embeddings)
    # Cosines of the first list: 1, 0 and 0; of the second -1.
    assert diversity.tolist() == pytest.approx([1 - 1 / 3, 2.0])


def test_a_single_item_has_no_diversity() -> None:
    assert np.isnan(diversity_at(1, LISTED, np.ones((6, 2), np.float16))).all()
