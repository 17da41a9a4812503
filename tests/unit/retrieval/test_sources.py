import numpy as np
import pytest

from shortlist.core.arrays import F32
from shortlist.core.errors import UnavailableError
from shortlist.core.types import Filter, History, SourceList
from shortlist.release.bundle import Release
from shortlist.retrieval.cpu import CpuIndex, read_index
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.sources import NEIGHBOUR_HALF_LIFE_DAYS, NeighbourSource, PopularSource, TowerSource
from shortlist.retrieval.tower import QueryTower
from support.retrieval_batches import histories, retrieval
from support.tiny_release import DIMENSION, HISTORY_LENGTH, ITEMS, item_id, numbers_in

TEA = Filter(include_categories=("Tea",))


def row_of(number: int) -> int:
    """Tell the row of an item of the tiny release."""
    return number + 2


@pytest.fixture
def filters(tiny_release: Release) -> Filters:
    """Plan filters over the tiny release."""
    return Filters(tiny_release.catalogue, tiny_release.items.embeddings)


class TestTowerSource:
    """The items nearest to the user's query embedding."""

    @pytest.fixture
    def source(self, tiny_release: Release) -> TowerSource:
        """Propose ten items from the tiny release."""
        embeddings = tiny_release.items.embeddings
        tower = QueryTower(tiny_release.query_tower_path, tiny_release.manifest.query_tower, embeddings, HISTORY_LENGTH)
        return TowerSource(tower, CpuIndex(read_index(tiny_release.index_path, DIMENSION, ITEMS)), 10)

    def test_a_user_of_one_category_is_proposed_that_category(self, source: TowerSource, tiny_release: Release) -> None:
        bought = [row_of(number) for number in numbers_in("Lamps")[:4]]
        found = source.propose(retrieval(histories([bought], length=HISTORY_LENGTH)))
        categories = {tiny_release.catalogue.categories_of(row)[-1] for row in found.rows[0].tolist()}
        assert categories == {"Lamps"}

    def test_a_filtered_request_gets_the_nearest_of_what_is_kept(self, source: TowerSource, filters: Filters) -> None:
        bought = [row_of(number) for number in numbers_in("Lamps")[:4]]
        kept = filters.plan(TEA)
        assert kept is not None
        batch = histories([bought, bought], length=HISTORY_LENGTH)
        found = source.propose(retrieval(batch, [None, kept]))
        assert not kept.mask[found.rows[0]].any()
        assert kept.mask[found.rows[1]].all()
        assert (np.diff(found.scores[1]) <= 0).all()

    def test_a_batch_searches_once_for_each_filter(self, tiny_release: Release, filters: Filters) -> None:
        searched: list[tuple[int, Kept | None]] = []

        class WatchedIndex(CpuIndex):
            """Notes what it was asked."""

            def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
                searched.append((len(queries), kept))
                return super().search(queries, k, kept)

        embeddings = tiny_release.items.embeddings
        tower = QueryTower(tiny_release.query_tower_path, tiny_release.manifest.query_tower, embeddings, HISTORY_LENGTH)
        source = TowerSource(tower, WatchedIndex(read_index(tiny_release.index_path, DIMENSION, ITEMS)), 10)
        tea, lamps = filters.plan(TEA), filters.plan(Filter(include_categories=("Lamps",)))
        kept = [tea, None, lamps, tea, None]
        batch = histories([[4], [5], [6], [7], [8]], length=HISTORY_LENGTH)
        found = source.propose(retrieval(batch, kept))
        assert searched == [(2, tea), (2, None), (1, lamps)]
        for place, plan in enumerate(kept):
            alone = source.propose(retrieval(histories([[4 + place]], length=HISTORY_LENGTH), [plan]))
            assert found.rows[place, :10].tolist() == alone.rows[0, :10].tolist()

    def test_a_filter_that_keeps_fewer_than_the_quota_is_padded(self, source: TowerSource, filters: Filters) -> None:
        few = filters.only(np.array([5, 9], np.int32))
        found = source.propose(retrieval(histories([[4]], length=HISTORY_LENGTH), [few]))
        assert sorted(found.rows[0, :2].tolist()) == [5, 9]
        assert not found.rows[0, 2:].any()
        assert not found.scores[0, 2:].any()

    def test_of_a_callers_own_candidates_every_one_is_proposed(self, source: TowerSource, filters: Filters) -> None:
        wanted = filters.only(np.arange(2, 42, dtype=np.int32))
        found = source.propose(retrieval(histories([[4], [5]], length=HISTORY_LENGTH), [wanted, None]))
        assert sorted(found.rows[0].tolist()) == list(range(2, 42))
        assert np.count_nonzero(found.rows[1]) == 10

    def test_exclusions_leave_a_request_the_nearest_of_the_rest(self, source: TowerSource, filters: Filters) -> None:
        batch = histories([[4], [7]], length=HISTORY_LENGTH)
        everything = filters.only(np.arange(2, ITEMS + 2, dtype=np.int32))
        order = source.propose(retrieval(batch, [everything, everything])).rows
        for count in (5, 64, 65, 80):
            excluded = np.zeros((2, 100), np.int32)
            excluded[0, :count] = order[0, :count]  # one request excludes its nearest, the other nothing
            found = source.propose(retrieval(batch, excluded=excluded)).rows
            left = found[0][~np.isin(found[0], excluded[0])]
            assert left[:10].tolist() == order[0, count : count + 10].tolist()
            assert found[1, :10].tolist() == order[1, :10].tolist()

    def test_an_index_that_gives_fewer_than_asked_is_enough(self, tiny_release: Release, filters: Filters) -> None:
        class ShortIndex(CpuIndex):
            """Ends at three items, as a GPU ends at 2,048."""

            def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
                return super().search(queries, k if kept is not None else min(k, 3), kept)

        tower = QueryTower(
            tiny_release.query_tower_path,
            tiny_release.manifest.query_tower,
            tiny_release.items.embeddings,
            HISTORY_LENGTH,
        )
        source = TowerSource(tower, ShortIndex(read_index(tiny_release.index_path, DIMENSION, ITEMS)), 10)
        batch = histories([[4], [4]], length=HISTORY_LENGTH)
        found = source.propose(retrieval(batch, [None, filters.plan(TEA)]))
        assert np.count_nonzero(found.rows[0]) == 3
        assert np.count_nonzero(found.rows[1]) == 10


class TestNeighbourSource:
    """What was bought by those who bought what the user touched."""

    ROWS = np.array([[0, 0], [0, 0], [3, 4], [2, 0], [0, 0]], np.int32)
    WEIGHTS = np.array([[0, 0], [0, 0], [0.5, 0.25], [0.75, 0], [0, 0]], np.float16)

    def propose(self, history: History, quota: int = 10, length: int = 8) -> SourceList:
        """Propose for a batch without filters."""
        return NeighbourSource("neighbours", self.ROWS, self.WEIGHTS, quota, length).propose(retrieval(history))

    def test_neighbours_come_nearest_first(self) -> None:
        found = self.propose(histories([[2]], age_days=0.0))
        assert found.rows.tolist() == [[3, 4]]
        assert found.scores.tolist() == [[0.5, 0.25]]

    def test_votes_for_the_same_item_add_up(self) -> None:
        found = self.propose(histories([[2, 2, 3]], age_days=0.0))
        assert found.rows.tolist() == [[3, 2, 4]]
        assert found.scores.tolist() == [[1.0, 0.75, 0.5]]

    def test_a_vote_fades_by_half_in_a_half_life(self) -> None:
        found = self.propose(histories([[2]], age_days=NEIGHBOUR_HALF_LIFE_DAYS))
        assert found.scores.tolist() == [[0.25, 0.125]]

    def test_only_the_newest_events_vote(self) -> None:
        assert self.propose(histories([[2, 3]]), length=1).rows.tolist() == [[3, 4]]

    def test_the_quota_bounds_the_list(self) -> None:
        assert self.propose(histories([[2]]), quota=1).rows.tolist() == [[3]]

    def test_a_user_without_neighbours_gets_padding(self) -> None:
        assert self.propose(histories([[4], [2]])).rows.tolist() == [[0, 0], [3, 4]]

    def test_a_batch_without_neighbours_gets_an_empty_list(self) -> None:
        assert self.propose(histories([[4], [1]])).rows.shape == (2, 0)

    def test_a_filter_drops_what_it_does_not_keep(self, filters: Filters, tiny_release: Release) -> None:
        items = tiny_release.items
        source = NeighbourSource("neighbours", items.neighbour_rows[0], items.neighbour_weights[0], 10)
        kept = filters.plan(Filter(exclude_categories=("Food",)))
        assert kept is not None
        everything = source.propose(retrieval(histories([range(2, 8)])))
        found = source.propose(retrieval(histories([range(2, 8)]), [kept]))
        assert not kept.mask[everything.rows[0]].all()
        assert kept.mask[found.rows[0][found.rows[0] > 0]].all()


class TestPopularSource:
    """The release's popular items."""

    POPULAR = np.array([7, 5, 3, 9], np.int32)

    def test_everyone_gets_the_head_of_the_list(self) -> None:
        found = PopularSource(self.POPULAR, 3).propose(retrieval(histories([[2], [3]])))
        assert found.rows.tolist() == [[7, 5, 3]] * 2
        assert found.scores[0].tolist() == pytest.approx([1.0, 0.5, 1 / 3])

    def test_a_list_shorter_than_the_quota_is_given_whole(self) -> None:
        assert PopularSource(self.POPULAR, 10).propose(retrieval(histories([[2]]))).rows.shape == (1, 4)

    def test_a_filtered_request_gets_the_popular_items_that_are_kept(self, filters: Filters) -> None:
        kept = filters.only(np.array([5, 9, 11], np.int32))
        found = PopularSource(self.POPULAR, 3).propose(retrieval(histories([[2]]), [kept]))
        assert found.rows.tolist() == [[5, 9, 0]]
        assert found.scores[0, 2] == 0.0

    def test_what_a_request_excludes_is_proposed_on_top(self) -> None:
        found = PopularSource(self.POPULAR, 2).propose(retrieval(histories([[2]]), excluded=np.array([[3]], np.int32)))
        assert found.rows.tolist() == [[7, 5, 3]]


def test_a_tower_that_fails_is_unavailable(tiny_release: Release) -> None:
    tower = QueryTower(
        tiny_release.query_tower_path, tiny_release.manifest.query_tower, tiny_release.items.embeddings[:, :8], 20
    )
    with pytest.raises(UnavailableError, match="query_tower"):
        tower.embed(histories([[2]], length=HISTORY_LENGTH), np.zeros((1, 5), np.float32))


def test_an_item_of_the_tiny_release_lies_where_the_tests_think(tiny_release: Release) -> None:
    assert tiny_release.vocabulary.rows_of_ids([item_id(9)]).tolist() == [row_of(9)]
