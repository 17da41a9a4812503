"""Who asks for what in a load test."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from loadtest.locusting.traffic import (
    MIX,
    RANK_CANDIDATES,
    UNKNOWN_SHARE,
    WRITE,
    WRITE_SHARE,
    Call,
    Population,
    Traffic,
    Zipf,
)

from shortlist.core.errors import InputError, ReleaseRefusedError
from shortlist.release.bundle import Release
from shortlist.release.strings import StringTable
from shortlist.v1.events_pb2 import RecordEventsRequest
from shortlist.v1.recommender_pb2 import RankRequest, RecommendRequest, SimilarItemsRequest

PLACES, DRAWS, CALLS = 500, 100_000, 5_000
USERS = [f"user-{number}" for number in range(300)]
ITEMS = [f"item-{number}" for number in range(200)]


def _draws(seed: int) -> list[int]:
    zipf = Zipf(PLACES, np.random.default_rng(seed))
    return [zipf.draw() for _ in range(DRAWS)]


def _calls(seed: int, write_share: float = 0.0) -> list[Call]:
    population = Population(StringTable.pack(USERS), StringTable.pack(ITEMS))
    traffic = Traffic(population, np.random.default_rng(seed), write_share)
    return [traffic.next_call() for _ in range(CALLS)]


def test_the_same_seed_draws_the_same_places_and_another_one_others() -> None:
    assert _draws(1) == _draws(1)
    assert _draws(1)[:100] != _draws(2)[:100]


def test_popularity_falls_with_the_rank_as_its_inverse() -> None:
    zipf = Zipf(PLACES, np.random.default_rng(1))
    drawn = Counter(zipf.draw() for _ in range(DRAWS))
    by_rank = np.array([drawn[int(place)] for place in zipf.by_rank])
    assert by_rank.sum() == DRAWS  # every draw is a place
    expected = DRAWS / np.arange(1, PLACES + 1) / (1 / np.arange(1, PLACES + 1)).sum()
    assert np.abs(by_rank - expected).max() < 5 * np.sqrt(expected).max()
    slope = np.polyfit(np.log(np.arange(1, 51)), np.log(by_rank[:50]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.05)


def test_an_id_s_place_does_not_say_how_popular_it_is() -> None:
    by_rank = Zipf(PLACES, np.random.default_rng(1)).by_rank
    assert sorted(by_rank) == list(range(PLACES))
    assert sum(later > earlier for earlier, later in pairwise(by_rank)) < 0.6 * PLACES


def test_one_place_is_always_drawn() -> None:
    zipf = Zipf(1, np.random.default_rng(1))
    assert {zipf.draw() for _ in range(100)} == {0}


def test_the_same_seed_makes_the_same_calls_and_another_one_others() -> None:
    assert _calls(1) == _calls(1)
    assert _calls(1) != _calls(2)


def test_calls_come_in_the_stated_mix() -> None:
    methods = Counter(call.method for call in _calls(1))
    assert {method: count / CALLS for method, count in methods.items()} == pytest.approx(MIX, abs=0.02)


def test_a_share_of_the_calls_records_clicks_of_users_and_items_of_the_release_under_ids_of_their_own() -> None:
    again = (_calls(1, WRITE_SHARE), _calls(1, WRITE_SHARE))
    first, second = (
        [call.request.events[0] for call in calls if isinstance(call.request, RecordEventsRequest)] for calls in again
    )
    assert len(first) / CALLS == pytest.approx(WRITE_SHARE, abs=0.02)
    assert {call.method for call in again[0]} == {*MIX, WRITE}
    assert {click.user_id for click in first} <= set(USERS)
    assert {click.item_id for click in first} <= set(ITEMS)
    assert [(click.user_id, click.item_id) for click in first] == [(click.user_id, click.item_id) for click in second]
    assert len({click.event_id for click in first + second}) == len(first) + len(second)


def test_calls_name_users_and_items_of_the_release_and_a_few_strangers_once_each() -> None:
    requests = [call.request for call in _calls(1)]
    users = [request.user_id for request in requests if isinstance(request, RecommendRequest | RankRequest)]
    strangers = [user for user in users if user not in USERS]
    assert len(strangers) / len(users) == pytest.approx(UNKNOWN_SHARE, abs=0.01)
    assert len(set(strangers)) == len(strangers)
    assert {request.item_id for request in requests if isinstance(request, SimilarItemsRequest)} <= set(ITEMS)
    candidates = [request.item_ids for request in requests if isinstance(request, RankRequest)]
    assert {len(one) for one in candidates} == {RANK_CANDIDATES}
    assert {item for one in candidates for item in one} <= set(ITEMS)


def test_a_release_brings_its_users_and_items(tiny_release: Release) -> None:
    population = Population.of_release(tiny_release.path)
    assert list(population.users) == list(tiny_release.histories().users)
    assert list(population.items) == list(tiny_release.vocabulary.ids)


def test_a_release_that_is_none_or_has_no_users_is_refused(
    tiny_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReleaseRefusedError, match="nowhere"):
        Population.of_release(tiny_release.path / "nowhere")
    nobody = replace(
        tiny_release.histories(), users=StringTable.pack([]), offsets=np.zeros(1, np.int64), rows=np.zeros(0, np.int32)
    )
    monkeypatch.setattr(Release, "histories", lambda _release: nobody)
    with pytest.raises(InputError, match="lacks one"):
        Population.of_release(tiny_release.path)
