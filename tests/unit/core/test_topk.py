import numpy as np

from shortlist.core.topk import top_k


def test_the_best_valid_columns_come_first() -> None:
    scores = np.array([[1.0, 3.0, 2.0, 9.0]], np.float32)
    order, counts = top_k(scores, np.array([[True, True, True, False]]), 2)
    assert order.tolist() == [[1, 2]]
    assert counts.tolist() == [2]


def test_ties_go_to_the_earlier_column() -> None:
    order, _ = top_k(np.zeros((1, 4), np.float32), np.ones((1, 4), np.bool_), 4)
    assert order.tolist() == [[0, 1, 2, 3]]


def test_each_row_tells_how_many_of_its_columns_are_valid() -> None:
    valid = np.array([[True, False, False], [False, False, False], [True, True, True]])
    _, counts = top_k(np.zeros((3, 3), np.float32), valid, 2)
    assert counts.tolist() == [1, 0, 2]


def test_k_larger_than_the_matrix_gives_all_columns() -> None:
    order, counts = top_k(np.array([[1.0, 2.0]], np.float32), np.ones((1, 2), np.bool_), 10)
    assert order.tolist() == [[1, 0]]
    assert counts.tolist() == [2]


def test_k_of_zero_gives_nothing() -> None:
    order, counts = top_k(np.zeros((2, 3), np.float32), np.ones((2, 3), np.bool_), 0)
    assert order.shape == (2, 0)
    assert counts.tolist() == [0, 0]
