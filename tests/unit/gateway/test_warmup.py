from pathlib import Path

import numpy as np
import pytest

from shortlist.gateway.warmup import ROUNDS, USERS, recorded_queries, warm_up
from shortlist.release.bundle import Release
from support.pipelines import Kitchen, PlayedRanker, by_row, kitchen
from support.tiny_release import EVENTS_PER_USER, item_id


@pytest.fixture
def ranker() -> PlayedRanker:
    """Remember the batches."""
    return PlayedRanker(by_row)


@pytest.fixture
def place(tiny_release: Release, ranker: PlayedRanker) -> Kitchen:
    """Compose a pipeline."""
    return kitchen(tiny_release, ranker=ranker)


def sizes(ranker: PlayedRanker) -> list[int]:
    """Tell the sizes of the batches that were ranked."""
    return [len(tensors["candidates"]) for tensors in ranker.batches]


def test_requests_are_those_of_the_release_s_users(tiny_release: Release) -> None:
    queries = recorded_queries(tiny_release)
    assert len(queries) == USERS
    bought = [tiny_release.vocabulary.id_of(row) for row in tiny_release.histories().rows[:EVENTS_PER_USER]]
    assert sorted(queries[0].session_item_ids) == sorted(bought)


def test_a_session_ends_with_the_newest_item(tiny_release: Release) -> None:
    newest = tiny_release.vocabulary.id_of(int(tiny_release.histories().rows[0]))
    assert recorded_queries(tiny_release)[0].session_item_ids[-1] == newest


def test_every_batch_size_up_to_the_largest_is_run_through_all_stages(place: Kitchen, ranker: PlayedRanker) -> None:
    assert warm_up(place.pipeline, recorded_queries(place.release), 8) == len(ranker.batches)
    assert sizes(ranker) == [size for size in (1, 2, 4, 8) for _ in range(ROUNDS)]


@pytest.mark.parametrize("most", [1, 6, 33, 64])
def test_the_largest_batch_is_run_whatever_it_is(place: Kitchen, ranker: PlayedRanker, most: int) -> None:
    warm_up(place.pipeline, recorded_queries(place.release), most)
    assert max(sizes(ranker)) == most


def test_a_release_without_users_has_nothing_to_warm_up_with(place: Kitchen) -> None:
    assert warm_up(place.pipeline, [], 8) == 0


def test_a_store_that_is_down_does_not_hinder_a_warm_up(place: Kitchen, ranker: PlayedRanker) -> None:
    place.store.is_down = True
    warm_up(place.pipeline, recorded_queries(place.release), 2)
    assert sizes(ranker) == [1] * ROUNDS + [2] * ROUNDS


def test_items_are_named_as_callers_name_them(tiny_release: Release, tmp_path: Path) -> None:
    known = {item_id(number) for number in range(120)}
    assert np.isin(recorded_queries(tiny_release)[0].session_item_ids, list(known)).all()
