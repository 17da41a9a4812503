from collections.abc import Iterable, Sequence

import pytest

from shortlist.core.errors import UnavailableError
from shortlist.features.catalog import GONE, LEASE_S, Logged, Position, Records
from shortlist.features.catalog_follower import GATHER_S, OWN_LEASE_S, RENEW_S, Follower


class PlayedLog:
    """A catalogue with one follower's lease; a wait takes no time."""

    def __init__(self) -> None:
        self.epoch, self.items, self.changes = b"one", dict[str, bytes](), list[tuple[str, ...]]()
        self.dropped = 0
        self.has_lease = False
        self.told: list[int] = []
        self.is_down = False

    def change(self, **records: bytes) -> None:
        self.items.update(records)
        self.changes.append(tuple(records))

    def lose(self) -> None:
        self.epoch, self.items, self.changes, self.has_lease = b"two", {}, [], False

    def position(self) -> Position:
        self._answer()
        return Position(self.epoch, len(self.changes))

    def wait(self, sequence: int, timeout_s: float) -> Logged:  # noqa: ARG002  # the port's
        self._answer()
        first = max(sequence, self.dropped)
        item_ids = tuple(name for ids in self.changes[first:] for name in ids)
        return Logged(max(sequence, len(self.changes)), item_ids, is_whole=first == sequence or not item_ids)

    def read(self, item_ids: Sequence[str]) -> Records:
        self._answer()
        return {name: self.items.get(name, GONE) for name in item_ids}

    def pages(self) -> Iterable[Records]:
        self._answer()
        return [{name: record} for name, record in self.items.items()]

    def renew(self, server: str, applied: Position) -> tuple[Position, bool]:  # noqa: ARG002  # the port's
        self._answer()
        had, self.has_lease = self.has_lease and applied.epoch == self.epoch, True
        self.told.append(applied.sequence)
        return Position(self.epoch, len(self.changes)), had

    def leave(self, server: str) -> None:  # noqa: ARG002  # the port's
        self._answer()
        self.has_lease = False

    def close(self) -> None:
        """Do nothing."""

    def _answer(self) -> None:
        if self.is_down:
            raise UnavailableError("redis", "down")


class Taken:
    """Takes changes; batches that hold an older one up are played by `held`."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.sequence = 0
        self.held: int | None = None

    def apply(self, records: Records, sequence: int) -> None:
        self.records.update(records)
        self.sequence = sequence

    @property
    def settled(self) -> int:
        return self.sequence if self.held is None else min(self.held, self.sequence)


class Stage:
    """A follower and what it meets; its clock moves where it pauses."""

    def __init__(self) -> None:
        self.log, self.taken, self.now, self.losses = PlayedLog(), Taken(), 1e6, 0
        self.follower = Follower(self.log, self.taken, "me", self._lost, lambda: self.now, self._pass)

    def _lost(self) -> None:
        self.losses += 1

    def _pass(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def stage() -> Stage:
    """Follow a catalogue that has an item already."""
    made = Stage()
    made.log.change(old=b"record")
    made.follower.step()
    return made


def test_a_follower_has_what_was_there_before_it_is_in_good_standing() -> None:
    stage = Stage()
    stage.log.change(old=b"record")
    assert not stage.follower.is_in_standing
    stage.follower.step()
    assert (stage.taken.records, stage.log.told, stage.follower.is_in_standing) == ({"old": b"record"}, [1], True)


def test_what_changes_is_taken_and_gathered_for_a_while(stage: Stage) -> None:
    stage.log.change(new=b"one")
    assert stage.follower.step() == GATHER_S
    assert stage.taken.records == {"old": b"record", "new": b"one"}
    assert stage.follower.step() == 0.0


def test_what_was_deleted_is_told_at_once_and_what_was_upserted_with_the_next_renewal(stage: Stage) -> None:
    stage.log.change(new=b"one")
    stage.follower.step()
    assert stage.log.told == [1]
    stage.log.change(old=GONE)
    stage.follower.step()
    assert stage.log.told == [1, 3]
    stage.log.change(new=b"two")
    stage.now += RENEW_S
    stage.follower.step()
    assert stage.log.told == [1, 3, 4]


def test_a_deletion_is_not_told_while_a_batch_from_before_is_answered(stage: Stage) -> None:
    stage.taken.held = 1
    stage.log.change(old=GONE)
    stage.follower.step()
    assert stage.log.told[-1] == 1
    stage.taken.held = None
    stage.follower.step()
    assert stage.log.told[-1] == 2


def test_changes_that_have_left_the_log_make_it_read_everything(stage: Stage) -> None:
    stage.log.change(gone=b"one")
    stage.log.change(kept=b"two")
    stage.log.dropped = 2
    stage.follower.step()
    assert stage.taken.records == {"old": b"record", "gone": b"one", "kept": b"two"}
    assert stage.log.told[-1] == 3


def test_the_lease_ends_here_before_it_ends_in_the_store(stage: Stage) -> None:
    assert OWN_LEASE_S < LEASE_S
    stage.now += OWN_LEASE_S - 0.01
    assert stage.follower.is_in_standing
    stage.now += 0.02
    assert not stage.follower.is_in_standing


def test_a_store_that_does_not_answer_renews_nothing(stage: Stage) -> None:
    stage.log.is_down = True
    with pytest.raises(UnavailableError):
        stage.follower.step()
    assert stage.follower.is_in_standing
    stage.now += OWN_LEASE_S
    assert not stage.follower.is_in_standing


def test_a_server_whose_lease_has_ended_is_good_again_once_it_has_what_was_acknowledged_meanwhile(stage: Stage) -> None:
    stage.log.has_lease = False
    stage.now += LEASE_S
    stage.log.change(old=GONE)
    stage.taken.held = 1
    stage.follower.step()
    assert not stage.follower.is_in_standing
    stage.taken.held = None
    stage.follower.step()
    assert stage.follower.is_in_standing


def test_a_catalogue_that_was_lost_is_noticed_by_its_epoch_and_followed_from_its_beginning(stage: Stage) -> None:
    stage.log.lose()
    stage.log.change(after=b"the loss")
    stage.now += RENEW_S
    stage.follower.step()
    assert (stage.losses, stage.follower.is_in_standing) == (1, False)
    stage.follower.step()
    assert stage.taken.records == {"old": b"record", "after": b"the loss"}
    assert (stage.losses, stage.follower.is_in_standing, stage.log.told[-1]) == (1, True, 1)


def test_a_number_that_goes_back_is_a_loss_too(stage: Stage) -> None:
    stage.log.changes.clear()
    stage.now += RENEW_S
    stage.follower.step()
    assert stage.losses == 1


def test_who_leaves_has_no_lease_and_is_in_no_standing(stage: Stage) -> None:
    stage.follower.leave()
    assert (stage.log.has_lease, stage.follower.is_in_standing) == (False, False)
    stage.log.is_down = True
    stage.follower.leave()
