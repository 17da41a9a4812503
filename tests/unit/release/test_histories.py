import numpy as np
import pytest

from shortlist.core.arrays import AnyArray
from shortlist.release.histories import Histories
from shortlist.release.strings import StringTable


@pytest.fixture
def histories() -> Histories:
    """Hold two events of Ann and one of Bo."""
    return Histories(
        StringTable.pack(["ann", "bo"]),
        np.array([0, 2, 3], np.int64),
        np.array([5, 4, 5], np.int32),
        np.full(3, 5, np.uint8),
        np.array([300, 200, 100], np.int64),
        np.ones(3, np.float32),
    )


def test_the_span_of_a_user_covers_their_events(histories: Histories) -> None:
    assert histories.rows[histories.span(0)].tolist() == [5, 4]
    assert histories.rows[histories.span(1)].tolist() == [5]


def test_the_length_counts_users(histories: Histories) -> None:
    assert len(histories) == 2


def test_the_arrays_of_histories_make_them_again(histories: Histories) -> None:
    again = Histories.from_arrays(histories.arrays())
    assert list(again.users) == ["ann", "bo"]
    assert again.times.tolist() == [300, 200, 100]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("offsets", np.array([0, 3])),
        ("offsets", np.array([0, 3, 2])),
        ("offsets", np.array([0, 2, 4])),
        ("offsets", np.array([-1, 2, 3])),
        ("types", np.zeros(2, np.uint8)),
        ("times", np.zeros(4, np.int64)),
        ("values", np.zeros(0, np.float32)),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(histories: Histories, name: str, values: AnyArray) -> None:
    with pytest.raises(ValueError, match="histories"):
        Histories.from_arrays(histories.arrays() | {name: values})
