import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.datasets.sieve import Sieve
from shortlist.offline.log import Dropped

_DAY_S = 86_400


def _busy(user: str, events: int, items: int, day: int = 0) -> pl.DataFrame:
    at = pl.int_range(events, eager=True)
    items_of = (at % items).cast(pl.String)
    return pl.DataFrame({"user": [user] * events, "item": items_of, "time": day * _DAY_S + at})


def _left(*users: pl.DataFrame) -> list[str]:
    sieve = Sieve(pl.concat(users))
    sieve.drop_robots()
    return sieve.rows["user"].unique().sort().to_list()


def test_a_row_counts_once_under_the_first_reason_that_it_meets() -> None:
    sieve = Sieve(pl.DataFrame({"a": [1, 2, None, 3]}))
    sieve.keep(pl.col("a") > 1, "small")
    sieve.keep(pl.col("a") > 2, "medium")
    assert sieve.dropped == (Dropped("small", 2), Dropped("medium", 1))
    assert sieve.rows["a"].to_list() == [3]


def test_of_equal_rows_the_first_is_kept() -> None:
    sieve = Sieve(pl.DataFrame({"a": [1, 2, 1, None, None], "b": [1, 1, 1, 1, 1]}))
    sieve.drop_duplicates()
    assert sieve.rows["a"].to_list() == [1, 2, None]


def test_times_before_1970_and_from_2100_on_are_impossible() -> None:
    sieve = Sieve(pl.DataFrame({"time": [-1, 0, 4_102_444_799, 4_102_444_800]}))
    sieve.drop_impossible_times()
    assert sieve.rows["time"].to_list() == [0, 4_102_444_799]


def test_a_user_far_busier_in_a_day_than_the_busiest_others_is_a_robot() -> None:
    people = [_busy(f"{n}", 60, 20) for n in range(5)]
    assert "robot" not in _left(*people, _busy("robot", 1201, 20))
    # Nothing in the number of its events is unusual, only that they never are about the same item.
    assert "robot" not in _left(*people, _busy("robot", 1100, 1100))


def test_who_is_merely_busy_is_no_robot() -> None:
    people = [_busy(f"{n}", 60, 20) for n in range(5)]
    assert "eager" in _left(*people, _busy("eager", 1200, 20))
    assert "few" in _left(*[_busy(f"{n}", 1, 1) for n in range(5)], _busy("few", 1000, 1000))
    steady = [_busy("steady", 900, 900, day) for day in range(3)]
    assert "steady" in _left(*[_busy(f"{n}", 1, 1) for n in range(5)], *steady)


def test_a_single_user_or_none_is_no_robot() -> None:
    assert _left(_busy("only", 5000, 5000)) == ["only"]
    assert _left(_busy("nobody", 0, 1)) == []


def test_where_nothing_is_left_the_reasons_are_told() -> None:
    sieve = Sieve(pl.DataFrame({"a": [1, 2]}))
    sieve.keep(pl.col("a") > 0, "negative")
    sieve.require_rows("log.csv")
    sieve.keep(pl.col("a") > 2, "small")
    with pytest.raises(InputError, match=r"log\.csv: none of its 2 rows is usable \(2 small\)"):
        sieve.require_rows("log.csv")
