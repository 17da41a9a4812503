import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.retrieval.grouping import best_first, group, is_excluded

SIZE = 12
PLACES = st.lists(st.integers(0, SIZE - 1), max_size=30)


@given(PLACES)
def test_groups_are_numbered_by_their_first_appearance(places: list[int]) -> None:
    number, first = group(np.array(places, np.int64), SIZE)
    order = list(dict.fromkeys(places))
    assert number.tolist() == [order.index(place) for place in places]
    assert first.tolist() == [places.index(place) for place in order]


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=4, max_size=4),
)
def test_what_is_excluded_is_marked_for_its_own_request_only(rows: list[list[int]], excluded: list[list[int]]) -> None:
    listed, barred = np.array(rows, np.int32), np.array(excluded[: len(rows)], np.int32)
    expected = [[row != 0 and row in own for row in line] for line, own in zip(rows, excluded, strict=False)]
    assert is_excluded(listed, barred).tolist() == expected


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 1e-30, 0.25, 0.5, 1.0, 3e38])), max_size=30).map(sorted)
)
def test_entries_come_by_request_then_best_first_then_as_they_stood(entries: list[tuple[int, float]]) -> None:
    request = np.array([number for number, _ in entries], np.int64)
    scores = np.array([score for _, score in entries], np.float32)
    order, place = best_first(request, scores, 6)
    expected = sorted(range(len(entries)), key=lambda entry: (request[entry], -scores[entry]))
    assert order.tolist() == expected
    assert place.tolist() == [
        sum(request[earlier] == request[entry] for earlier in expected[:at]) for at, entry in enumerate(expected)
    ]
