import threading

import pytest

from shortlist.features.near_cache import ENTRY_BYTES, LEASE_S, ROW_BYTES
from support.near_caches import MAX_STALE_S, WHENEVER, Place

WAIT_S = 10.0
ROW = ENTRY_BYTES + ROW_BYTES + len("ann")


@pytest.fixture
def place() -> Place:
    """Compose a cache in front of a store that knows Ann and Bob."""
    made = Place()
    made.store.versions = {"ann": 1, "bob": 2}
    return made


def test_a_row_is_read_once_and_held(place: Place) -> None:
    assert place.versions("ann") == [1]
    assert place.versions("ann") == [1]
    assert place.store.asked == [["ann"]]
    assert place.outcomes() == {"read": 1, "hit": 1}


def test_what_a_batch_misses_is_one_read_in_which_each_user_stands_once(place: Place) -> None:
    place.read("ann")
    assert place.versions("bob", "ann", "nobody", "bob") == [2, 1, None, 2]
    assert place.store.asked == [["ann"], ["bob", "nobody"]]


def test_that_a_user_has_no_row_is_held_until_there_is_one(place: Place) -> None:
    assert place.versions("cy") == [None]
    assert place.versions("cy") == [None]
    assert len(place.store.asked) == 1
    place.write("cy", 1)
    assert place.versions("cy") == [1]


def test_a_change_that_is_told_drops_that_row_alone(place: Place) -> None:
    place.read("ann", "bob")
    place.write("ann", 2)
    assert place.versions("ann", "bob") == [2, 2]
    assert place.store.asked == [["ann", "bob"], ["ann"]]


def test_when_everything_changes_everything_goes(place: Place) -> None:
    place.read("ann", "bob")
    place.store.versions.clear()
    place.cache.all_changed()
    assert (place.count("rows"), place.count("bytes")) == (0, 0)
    assert place.versions("ann", "bob") == [None, None]


@pytest.mark.parametrize("is_all", [False, True], ids=["one row changes", "all change"])
def test_what_changes_while_it_is_read_is_used_and_not_held(place: Place, is_all: bool) -> None:
    def change() -> None:
        place.store.versions["ann"] = 9
        if is_all:
            place.cache.all_changed()
        else:
            place.cache.changed(["ann"])

    place.store.under_way = change
    assert place.versions("ann") == [1]
    assert place.versions("ann") == [9]
    assert place.versions("ann") == [9]
    assert len(place.store.asked) == 2


def test_a_read_after_a_change_does_not_join_the_one_from_before(place: Place) -> None:
    between: list[int | None] = []

    def change() -> None:
        place.write("ann", 9)
        between.extend(place.versions("ann"))

    place.store.under_way = change
    assert place.versions("ann") == [1]
    assert between == [9]
    assert place.versions("ann") == [9]
    assert len(place.store.asked) == 2


def test_the_row_least_recently_used_leaves_when_the_bytes_are_spent() -> None:
    place = Place(limit_bytes=2 * ROW)
    place.store.versions = {"ann": 1, "bob": 1, "cyd": 1}
    place.read("ann", "bob")
    place.read("ann")
    place.read("cyd")
    assert (place.count("rows"), place.count("bytes")) == (2, 2 * ROW)
    place.read("ann", "cyd")
    assert len(place.store.asked) == 2
    place.read("bob")
    assert len(place.store.asked) == 3


def test_unknown_users_take_no_more_than_the_bytes_either() -> None:
    place = Place(limit_bytes=5_000)
    for number in range(1000):
        place.read(f"stranger-{number}")
    assert 0 < place.count("bytes") <= 5_000


def test_a_row_larger_than_everything_is_used_and_not_held() -> None:
    place = Place(limit_bytes=ROW - 1)
    place.store.versions = {"ann": 1}
    assert place.versions("ann") == [1]
    assert (place.count("rows"), place.count("bytes")) == (0, 0)


def test_a_row_older_than_a_request_demands_is_read_again(place: Place) -> None:
    place.read("ann", "bob")
    place.write("ann", 2, is_told=False)
    assert place.versions("ann", "bob", min_versions=[2, 2]) == [2, 2]
    assert place.store.asked == [["ann", "bob"], ["ann"]]
    assert place.versions("ann", min_versions=[2]) == [2]
    assert len(place.store.asked) == 2


def test_a_demand_for_a_version_joins_no_read_from_before(place: Place) -> None:
    demanded: list[int | None] = []

    def demand() -> None:
        place.write("ann", 2, is_told=False)
        demanded.extend(place.versions("ann", min_versions=[2]))

    place.store.under_way = demand
    assert place.versions("ann") == [1]
    assert demanded == [2]
    assert place.versions("ann") == [2]


class TestWithoutInvalidations:
    """A lost connection: nothing that is held is fresh."""

    def test_every_row_is_read_again_once_the_connection_is_lost(self, place: Place) -> None:
        place.read("ann")
        place.cache.lost()
        place.write("ann", 5, is_told=False)
        assert place.versions("ann") == [5]
        assert place.versions("ann") == [5]
        assert len(place.store.asked) == 3
        assert place.count("tracked") == 0

    def test_what_was_read_before_the_connection_came_back_is_not_fresh(self, place: Place) -> None:
        place.read("ann")
        place.cache.lost()
        place.read("bob")
        place.write("ann", 5, is_told=False)
        place.write("bob", 6, is_told=False)
        place.cache.tracked(place.now)
        assert place.versions("ann", "bob") == [5, 6]
        assert place.versions("ann", "bob") == [5, 6]
        assert len(place.store.asked) == 3

    def test_a_read_that_began_before_the_connection_came_back_is_not_fresh(self, place: Place) -> None:
        place.cache.lost()
        place.store.under_way = lambda: (place.write("ann", 5, is_told=False), place.cache.tracked(place.now))[1]
        assert place.versions("ann") == [1]
        assert place.versions("ann") == [5]

    def test_a_silent_connection_makes_no_row_fresh_for_longer_than_its_lease(self, place: Place) -> None:
        place.read("ann")
        place.now += LEASE_S
        place.write("ann", 5, is_told=False)
        assert place.versions("ann") == [5]

    def test_a_row_stays_fresh_when_a_silence_ends_without_a_loss(self, place: Place) -> None:
        place.read("ann")
        place.now += 2 * LEASE_S
        place.cache.heard(place.now)
        place.read("ann")
        assert len(place.store.asked) == 1

    def test_while_redis_is_down_a_held_row_is_served_as_stale_and_others_are_unread(self, place: Place) -> None:
        place.read("ann", "nobody")
        place.cache.lost()
        place.store.is_down = True
        read = place.read("ann", "bob", "nobody")
        assert [row.version if row else None for row in read.rows] == [1, None, None]
        assert (set(read.stale), set(read.unread)) == ({0, 2}, {1})
        assert place.outcomes() == {"read": 2, "stale": 2, "unread": 1}

    def test_a_row_is_too_old_a_minute_after_it_was_last_known_to_be_right(self, place: Place) -> None:
        place.read("ann")
        place.now += 500.0
        place.cache.heard(place.now)
        place.cache.lost()
        place.store.is_down = True
        place.now += MAX_STALE_S
        assert set(place.read("ann").stale) == {0}
        place.now += 0.1
        assert set(place.read("ann").unread) == {0}
        place.store.is_down = False
        assert place.versions("ann") == [1]

    def test_what_was_read_without_invalidations_ages_from_its_read(self, place: Place) -> None:
        place.cache.lost()
        place.now += 100.0
        place.read("ann")
        place.now += MAX_STALE_S
        place.store.is_down = True
        assert set(place.read("ann").stale) == {0}
        place.now += 0.1
        assert set(place.read("ann").unread) == {0}

    def test_fresh_rows_are_served_as_such_while_reads_fail(self, place: Place) -> None:
        place.read("ann")
        place.store.is_down = True
        read = place.read("ann", "bob")
        assert (set(read.stale), set(read.unread)) == (set(), {1})


class TestTwoWorkers:
    """Two batches at once, which miss the same user."""

    def test_the_second_waits_for_the_first_and_asks_nothing(self, place: Place) -> None:
        is_asked, may_answer = threading.Event(), threading.Event()

        def hold() -> None:
            is_asked.set()
            assert may_answer.wait(WAIT_S)

        place.store.under_way = hold
        found: list[list[int | None]] = []
        first = threading.Thread(target=lambda: found.append(place.versions("ann")))
        first.start()
        assert is_asked.wait(WAIT_S)
        # What the second asks for itself it asks first: that it was asked lets the first one go on.
        place.store.under_way = may_answer.set
        assert place.versions("ann", "bob") == [1, 2]
        first.join(WAIT_S)
        assert found == [[1]]
        assert place.store.asked == [["ann"], ["bob"]]
        assert place.outcomes() == {"read": 2, "joined": 1}

    @pytest.mark.parametrize("has_held", [False, True])
    def test_the_second_does_not_wait_for_ever(self, has_held: bool) -> None:
        place = Place(wait_s=0.01)
        place.store.versions = {"ann": 1}
        if has_held:
            place.read("ann")
            place.cache.lost()
        seen = []
        place.store.under_way = lambda: seen.append(place.cache.read(["ann"], WHENEVER))
        place.read("ann")
        assert (set(seen[0].stale), set(seen[0].unread)) == (({0}, set()) if has_held else (set(), {0}))

    def test_a_defect_of_the_first_does_not_hold_up_the_second(self, place: Place) -> None:
        def fail() -> None:
            raise RuntimeError("a defect")

        place.store.under_way = fail
        with pytest.raises(RuntimeError, match="a defect"):
            place.read("ann")
        assert place.versions("ann") == [1]


def test_the_age_of_a_row_is_observed_when_it_is_used(place: Place) -> None:
    place.read("ann")
    place.now += 2.0
    place.read("ann", "ann")
    assert place.count("age_seconds_sum") == 4.0
    assert place.count("age_seconds_bucket", le="1.0") == 0
    assert place.count("age_seconds_bucket", le="10.0") == 2


def test_every_outcome_exists_from_the_start_at_zero() -> None:
    place = Place()
    for outcome in ("hit", "joined", "read", "stale", "unread"):
        assert place.count("reads_total", outcome=outcome) == 0
    assert place.count("tracked") == 1
    for name in ("rows", "bytes", "age_seconds_count", "tracking_losses_total"):
        assert place.count(name) == 0
