import numpy as np
import pytest

from shortlist.core.errors import UnavailableError
from shortlist.core.keys import item_keys
from shortlist.features.covisits import CoVisits
from shortlist.features.live_lists import LiveLists
from shortlist.features.trending import Trending
from shortlist.gateway.live import LIVE_SOURCES, LiveSources
from shortlist.release.bundle import Release
from support.retrieval_batches import histories, retrieval
from support.tiny_release import item_id, numbers_in


class PlayedStore:
    """Holds lists, or fails."""

    def __init__(self) -> None:
        self.lists: LiveLists | None = None
        self.is_down = False

    def read(self, known: bytes | None) -> LiveLists | None:
        if self.is_down:
            raise UnavailableError("redis", "down")
        if self.lists is None:
            raise LookupError
        return None if self.lists.version == known else self.lists

    def close(self) -> None:
        """Do nothing."""


def lists(version: bytes, *trending: str, covisits: dict[str, list[str]] | None = None) -> LiveLists:
    """Publish items by their ids."""
    pairs = covisits or {}
    others = [other for listed in pairs.values() for other in listed]
    return LiveLists(
        version,
        Trending(item_keys(trending), np.linspace(1.0, 0.5, len(trending), dtype=np.float32)),
        CoVisits(
            item_keys(pairs),
            np.array([len(listed) for listed in pairs.values()], np.uint8),
            item_keys(others),
            np.linspace(1.0, 0.5, len(others), dtype=np.float32),
        ),
    )


@pytest.fixture
def store() -> PlayedStore:
    return PlayedStore()


@pytest.fixture
def live(tiny_release: Release, store: PlayedStore) -> LiveSources:
    return LiveSources(lambda: tiny_release, store)


def proposals(live: LiveSources, release: Release, *history: int) -> dict[str, list[str]]:
    """Name what each source proposes to a user who touched items of these numbers."""
    rows = [number + 2 for number in history]
    found = {source.name: source.propose(retrieval(histories([rows]))) for source in live.all}
    return {name: release.vocabulary.ids_of(listed.rows[listed.rows > 1]) for name, listed in found.items()}


def test_until_something_is_published_nothing_is_proposed(live: LiveSources, tiny_release: Release) -> None:
    live.look()
    assert proposals(live, tiny_release, 3) == {name: [] for name in LIVE_SOURCES}


def test_published_lists_become_rows_and_what_the_release_lacks_is_left_out(
    live: LiveSources, store: PlayedStore, tiny_release: Release
) -> None:
    lamps, paper = numbers_in("Lamps"), numbers_in("Paper")
    trending = [item_id(paper[0]), "not-in-the-release", item_id(lamps[0]), item_id(lamps[1])]
    store.lists = lists(
        b"one",
        *trending,
        covisits={
            item_id(lamps[2]): [item_id(paper[5]), "not-in-the-release", item_id(lamps[7])],
            "not-in-the-release": [item_id(lamps[3])],
        },
    )
    live.look()
    assert proposals(live, tiny_release, lamps[2]) == {
        "co_visits": [item_id(paper[5]), item_id(lamps[7])],
        "trending": [item_id(paper[0]), item_id(lamps[0]), item_id(lamps[1])],
        "trending_in_categories": [item_id(lamps[0]), item_id(lamps[1])],
    }


def test_newer_lists_replace_older_ones_and_gone_ones_go(
    live: LiveSources, store: PlayedStore, tiny_release: Release
) -> None:
    for version, number in ((b"one", 5), (b"two", 6)):
        store.lists = lists(version, item_id(number))
        live.look()
    assert proposals(live, tiny_release)["trending"] == [item_id(6)]
    store.lists = None
    live.look()
    assert proposals(live, tiny_release)["trending"] == []
    store.lists = lists(b"two", item_id(7))
    live.look()
    assert proposals(live, tiny_release)["trending"] == [item_id(7)]


def test_while_the_store_is_down_the_lists_stay(live: LiveSources, store: PlayedStore, tiny_release: Release) -> None:
    store.lists = lists(b"one", item_id(5))
    live.look()
    store.is_down = True
    with pytest.raises(UnavailableError):
        live.look()
    assert proposals(live, tiny_release)["trending"] == [item_id(5)]


def test_more_co_visits_than_there_are_places_for_are_refused_as_long_as_they_are_published(
    live: LiveSources, store: PlayedStore, tiny_release: Release
) -> None:
    store.lists = lists(b"one", item_id(5), covisits={item_id(1): [item_id(number) for number in range(2, 30)]})
    for _ in range(2):
        with pytest.raises(UnavailableError, match="more than 16"):
            live.look()
    assert proposals(live, tiny_release)["trending"] == []
