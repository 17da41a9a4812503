"""Users of an import: what a row would hold of their events, and one sentence for what is wrong with them."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.features.row import MAX_EVENTS
from shortlist.offline.imports.users import no_users, read_users
from shortlist.release.vocabulary import Vocabulary

ITEMS = Vocabulary.build(["a", "b", "c"])
A, B, C = 2, 3, 4


def events(folder: Path, **columns: Any) -> Path:
    good = {"user": ["bo", "al", "bo"], "item": ["a", "b", "c"], "time": [1_600_000_000, 1_600_000_100, 1_600_000_200]}
    held = good | columns
    path = folder / "users.parquet"
    pl.DataFrame({name: column for name, column in held.items() if column is not None}).write_parquet(path)
    return path


def test_a_user_keeps_the_newest_event_of_each_item_and_type_newest_first(tmp_path: Path) -> None:
    path = events(
        tmp_path,
        user=["bo", "al", "bo", "bo", "bo"],
        item=["a", "b", "c", "a", "a"],
        type=["click", "view", "Purchase", "click", "cart"],
        time=[10, 20, 30, 40, 5],
        value=[None, 1.5, 2.5, 3.5, 4.5],
    )
    users = read_users(path, ITEMS)
    assert list(users.histories.users) == ["al", "bo"]
    assert users.histories.offsets.tolist() == [0, 1, 4]
    assert users.histories.rows.tolist() == [B, A, C, A]
    assert users.histories.types.tolist() == [EventType.VIEW, EventType.CLICK, EventType.PURCHASE, EventType.CART]
    assert users.histories.times.tolist() == [20, 40, 30, 5]
    assert users.histories.values.tolist() == [1.5, 3.5, 2.5, 4.5]
    assert (users.until_s, users.notes) == (41, ())


def test_of_events_of_one_second_the_later_in_the_file_is_newer(tmp_path: Path) -> None:
    users = read_users(events(tmp_path, user=["bo"] * 3, time=[7, 7, 7], type=["click"] * 3), ITEMS)
    assert users.histories.rows.tolist() == [C, B, A]


def test_a_user_keeps_as_many_events_as_a_row_holds(tmp_path: Path) -> None:
    count = MAX_EVENTS + 50
    items = Vocabulary.build(f"item-{number}" for number in range(count))
    path = events(tmp_path, user=["bo"] * count, item=list(items.ids), time=list(range(count)), type=["view"] * count)
    histories = read_users(path, items).histories
    assert histories.times.tolist() == list(range(count))[: -MAX_EVENTS - 1 : -1]


def test_what_the_file_does_not_say_is_assumed_and_said(tmp_path: Path) -> None:
    users = read_users(events(tmp_path, item=["a", "ghost", "c"]), ITEMS)
    assert list(users.histories.users) == ["bo"]
    assert set(users.histories.types.tolist()) == {EventType.CLICK}
    assert users.histories.values.tolist() == [0.0, 0.0]
    assert users.notes == (
        "1 events of items that are not in the release were left out",
        "the users' events came without a type: they are clicks",
    )


def test_times_may_be_timestamps_and_users_numbers(tmp_path: Path) -> None:
    days = [datetime(2024, 1, day) for day in (1, 2, 3)]  # a time without a zone is UTC
    users = read_users(events(tmp_path, user=[7, 5, 7], time=days), ITEMS)
    assert list(users.histories.users) == ["5", "7"]
    assert users.histories.times.tolist() == [1_704_153_600, 1_704_240_000, 1_704_067_200]


def test_nobody_is_a_file_of_nobody() -> None:
    users = no_users()
    assert len(users.histories) == 0
    assert users.until_s is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"item": None}, "lacks column item; it has user, time"),
        ({"user": ["bo", "", "al"]}, "column user, row 2: '' is empty"),
        ({"user": ["bo", "u" * 257, "al"]}, f"column user, row 2: '{'u' * 59}... is over 256 bytes"),
        ({"item": ["ghost"] * 3}, "column item: none of its items is among the release's"),
        ({"type": ["click", "share", "view"]}, "column type, row 2: 'share' is not one of impression, view, click, "),
        ({"time": [5, -1, 6]}, "column time, row 2: -1 is not a time from 1970 to 2106"),
        ({"time": [5, None, 6]}, "column time, row 2: None is not a time from 1970 to 2106"),
        ({"value": ["1", "2", "much"]}, "column value, row 3: 'much' is not a number"),
        ({"value": [1.0, 1e39, 2.0]}, "column value, row 2: 1e+39 is beyond float32"),
    ],
)
def test_users_that_are_wrong_are_refused_in_one_sentence(
    tmp_path: Path, columns: dict[str, Any], expected: str
) -> None:
    path = events(tmp_path, **columns)
    with pytest.raises(InputError) as refused:
        read_users(path, ITEMS)
    assert str(refused.value).startswith(f"{path}: {expected}")
