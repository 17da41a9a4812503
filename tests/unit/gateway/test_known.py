from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.keys import item_keys
from shortlist.core.types import Filter, Query
from shortlist.features.row import MAX_EVENTS, UserRow
from shortlist.gateway.catalog_shelf import Shelf
from shortlist.gateway.known import LEAST_HISTORY, Encoder, Known
from shortlist.release.bundle import Release
from shortlist.retrieval.filters import Filters
from support.tiny_release import DAY_S, ITEMS, LOG_END_S, item_id, user_row

ROW = user_row([1, 2, 3])


@pytest.fixture
def encoder(tiny_release: Release) -> Encoder:
    """Encode as of the end of the tiny log."""
    filters = Filters(tiny_release.catalogue, tiny_release.items.embeddings)
    whole = Shelf.of(tiny_release, filters)
    return Encoder(lambda: whole, lambda: float(LOG_END_S))


def excluded(known: Known, request: int = 0) -> set[int]:
    """Tell what a request must not show."""
    return set(known.excluded[request].tolist()) - {0}


def test_ages_count_from_the_clock(encoder: Encoder) -> None:
    known = encoder.encode([Query("ann", 5)], [ROW])
    assert known.history.rows.shape == (1, LEAST_HISTORY)
    assert known.history.rows[0, :4].tolist() == [3, 4, 5, 0]
    assert known.history.ages[0, :3].tolist() == [1.0, 2.0, 3.0]


def test_a_batch_is_as_wide_as_its_longest_history_and_no_wider_than_a_row(encoder: Encoder) -> None:
    def row(events: int) -> UserRow:
        return user_row([number % ITEMS for number in range(events)])

    widths = [encoder.encode([Query("ann", 5)] * 2, [row(3), row(events)]).history.rows.shape for events in (90, 256)]
    session = Query("ann", 5, session_item_ids=(item_id(1),))
    assert widths == [(2, 90), (2, MAX_EVENTS)]
    assert encoder.encode([session], [row(256)]).history.rows.shape == (1, MAX_EVENTS)


def test_ages_count_from_the_request_s_own_moment(encoder: Encoder) -> None:
    known = encoder.encode([Query("ann", 5, at_s=LOG_END_S + 10.0 * DAY_S)], [ROW])
    assert known.history.ages[0, :3].tolist() == [11.0, 12.0, 13.0]


@pytest.mark.parametrize(("ahead_s", "is_known"), [(1, True), (60, True), (300, True), (301, False)])
def test_an_event_from_a_clock_that_is_ahead_is_known_at_once_as_far_as_such_are_recorded(
    encoder: Encoder, ahead_s: int, is_known: bool
) -> None:
    row = user_row([1, 2, 3], now_s=LOG_END_S + DAY_S + ahead_s)
    known = encoder.encode([Query("ann", 5)], [row])
    assert bool(known.history.rows[0, 0] == 3) is is_known
    asked = encoder.encode([Query("ann", 5, at_s=float(LOG_END_S))], [row])
    assert asked.history.rows[0, 0] == 4, "who asks for a moment is told of no later event"


def test_what_is_excluded_is_bounded_as_the_row_is(encoder: Encoder) -> None:
    row = user_row([number % ITEMS for number in range(MAX_EVENTS)])
    known = encoder.encode([Query("ann", 5, Filter(exclude_item_ids=(item_id(1),)))], [row])
    assert known.excluded.shape[1] <= MAX_EVENTS + 1


def test_what_was_seen_and_what_is_named_is_excluded(encoder: Encoder) -> None:
    condition = Filter(exclude_item_ids=(item_id(9), "gone"))
    known = encoder.encode([Query("ann", 5, condition, session_item_ids=(item_id(20),))], [ROW])
    assert excluded(known) == {3, 4, 5, 22, 11}


def test_what_earlier_pages_showed_is_excluded_as_what_is_named(encoder: Encoder) -> None:
    shown = item_keys([item_id(30), "of another release", item_id(31)]).tobytes()
    condition = Filter(exclude_item_ids=(item_id(9),))
    known = encoder.encode([Query("nobody", 5, condition, shown=shown), Query("nobody", 5)], [None, None])
    assert (excluded(known, 0), excluded(known, 1)) == ({11, 32, 33}, set())


def test_seen_items_stay_where_the_request_says_so(encoder: Encoder) -> None:
    condition = Filter(exclude_seen=False, exclude_item_ids=(item_id(9),))
    assert excluded(encoder.encode([Query("ann", 5, condition)], [ROW])) == {11}


def test_seen_items_stay_where_the_release_says_so_and_the_request_nothing(tiny_release: Release) -> None:
    manifest = tiny_release.manifest.model_copy(update={"exclude_seen": False})
    release = replace(tiny_release, manifest=manifest)
    shelf = Shelf.of(release, Filters(release.catalogue, release.items.embeddings))
    encoder = Encoder(lambda: shelf, lambda: float(LOG_END_S))
    known = encoder.encode([Query("ann", 5), Query("ann", 5, Filter(exclude_seen=True))], [ROW, ROW])
    assert (excluded(known, 0), excluded(known, 1)) == (set(), {3, 4, 5})


def test_of_a_callers_own_candidates_nothing_is_excluded(encoder: Encoder) -> None:
    assert excluded(encoder.encode([Query("ann", 5, candidate_ids=(item_id(1),))], [ROW])) == set()


def test_exclusions_are_each_request_s_own_and_as_narrow_as_the_batch_allows(encoder: Encoder) -> None:
    queries = [Query("nobody", 5), Query("ann", 5)]
    known = encoder.encode(queries, [None, ROW])
    assert (excluded(known, 0), excluded(known, 1)) == (set(), {3, 4, 5})
    assert known.excluded.shape == (2, 3)


def test_a_filter_is_planned_and_no_filter_is_none(encoder: Encoder) -> None:
    known = encoder.encode([Query("ann", 5, Filter(include_categories=("Tea",))), Query("ann", 5)], [ROW, ROW])
    first, second = known.kept
    assert first is not None
    assert not first.is_exhaustive
    assert second is None


def test_a_callers_known_candidates_are_all_wanted(encoder: Encoder) -> None:
    (kept,) = encoder.encode([Query("ann", 5, candidate_ids=(item_id(7), "gone", item_id(3)))], [None]).kept
    assert kept is not None
    assert (kept.rows.tolist(), kept.is_exhaustive) == ([5, 9], True)


def test_a_part_holds_the_chosen_requests(encoder: Encoder) -> None:
    queries = [Query("nobody", 5), Query("ann", 5), Query("nobody", 5)]
    part = encoder.encode(queries, [None, ROW, None]).part([1])
    assert part.rows == [ROW]
    assert part.history.rows[0, 0] == 3
    assert np.shape(part.user_dense)[0] == len(part.excluded) == len(part.kept) == 1
