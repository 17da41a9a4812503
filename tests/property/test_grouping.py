import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.retrieval.grouping import best_first, group, is_among

SIZE = 12
PLACES = st.lists(st.integers(0, SIZE - 1), max_size=30)


@given(PLACES)
def test_groups_are_numbered_by_their_first_appearance(places: list[int]) -> None:
    number, first = group(np.array(places, np.int64), SIZE)
    order = list(dict.fromkeys(places))
    assert number.tolist() == [order.index(place) for place in places]
    assert first.tolist() == [places.index(place) for place in order]


@given(PLACES, PLACES, PLACES)
def test_membership_is_that_of_a_set_whatever_was_asked_before(
    before: list[int], places: list[int], others: list[int]
) -> None:
    group(np.array(before, np.int64), SIZE)
    among = is_among(np.array(places, np.int64), np.array(others, np.int64), SIZE)
    assert among.tolist() == [place in set(others) for place in places]


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
