import gzip
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.clean import clean
from shortlist.offline.datasets import load
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog
from support.own_logs import EVENT_HEADER, EVENTS_TOML, event_row, write_log, write_table

_MINIMAL_TOML = '[events]\nfile = "events.csv"\nuser = "visitor"\nitem = "sku"\ntime = "at"\ndefault_type = "click"\n'


def _load(tmp_path: Path, *rows: tuple[str, ...], toml: str = EVENTS_TOML) -> BehaviourLog:
    return load("events", write_log(tmp_path, *rows, toml=toml))


def _dropped(log: BehaviourLog) -> dict[str, int]:
    return {line.reason: line.rows for line in log.dropped if line.rows}


def test_the_mapped_columns_become_events(tmp_path: Path) -> None:
    log = _load(tmp_path, event_row(), event_row("bob", "b", at=1_600_000_060, action="look", amount=""))
    assert log.events.schema == EVENT_SCHEMA
    assert log.events.rows() == [
        ("ann", "a", EventType.PURCHASE, 1_600_000_000, 2.5),
        ("bob", "b", EventType.VIEW, 1_600_000_060, None),
    ]
    assert (log.dataset, log.rows_read, _dropped(log)) == ("events", 2, {})


def test_without_a_file_of_items_their_ids_are_their_titles(tmp_path: Path) -> None:
    log = _load(tmp_path, event_row(item="b"), event_row(item="a"), event_row("bob", "b"))
    assert log.items.schema == ITEM_SCHEMA
    assert log.items.rows() == [("a", "a", [], None, "", []), ("b", "b", [], None, "", [])]
    assert "titles are the items' ids: the log has none" in log.notes


def test_a_log_may_have_one_type_no_values_and_columns_that_nobody_names(tmp_path: Path) -> None:
    log = _load(tmp_path, event_row(action="whatever", amount="free"), toml=_MINIMAL_TOML)
    assert log.events.rows() == [("ann", "a", EventType.CLICK, 1_600_000_000, None)]


@pytest.mark.parametrize("kind", ["csv.gz", "parquet"])
def test_the_file_may_be_compressed_or_parquet(tmp_path: Path, kind: str) -> None:
    path = write_log(tmp_path, event_row(), toml=EVENTS_TOML.replace("events.csv", f"events.{kind}")) / "events.csv"
    if kind == "csv.gz":
        (tmp_path / "events.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    else:
        times = pl.from_epoch(pl.col("at"), "s")
        pl.read_csv(path).with_columns(times).write_parquet(tmp_path / "events.parquet")
    assert load("events", tmp_path).events.rows() == [("ann", "a", EventType.PURCHASE, 1_600_000_000, 2.5)]


@pytest.mark.parametrize(
    ("at", "line"),
    [
        ("1600000000000", ""),
        ("2020-09-13T12:26:40Z", ""),
        ("1600000000000", 'time_format = "milliseconds"'),
        ("13.9.20 12:26:40", 'time_format = "%d.%m.%y %H:%M:%S"'),
    ],
)
def test_the_form_of_times_is_found_or_named(tmp_path: Path, at: str, line: str) -> None:
    toml = EVENTS_TOML.replace("[events.types]", f"{line}\n[events.types]")
    assert _load(tmp_path, event_row(at=at), toml=toml).events["time"].to_list() == [1_600_000_000]


def test_what_cannot_be_an_event_is_dropped_and_counted(tmp_path: Path) -> None:
    log = _load(
        tmp_path,
        event_row(),
        event_row(),
        event_row(user=""),
        event_row(item=""),
        event_row(at=""),
        event_row(action=""),
        event_row(action="login"),
        event_row(at=-1),
        event_row(at=4_102_444_800),
        event_row(amount=-2),
    )
    assert _dropped(log) == {
        "without a user, an item, a time or a type": 4,
        "of types to ignore": 1,
        "whose time is before 1970 or after 2099": 2,
        "whose value is negative": 1,
        "exact duplicates": 1,
    }
    assert log.rows_read == log.events.height + sum(line.rows for line in log.dropped)


def test_a_user_who_does_more_in_a_day_than_a_person_can_is_dropped_as_a_robot(tmp_path: Path) -> None:
    robot = [event_row("robot", at=1_600_000_000 + second) for second in range(1001)]
    log = _load(tmp_path, event_row("ann"), event_row("bob"), *robot)
    assert _dropped(log) == {"of robots (over 1,000 events or 1,000 items in a day)": 1001}


def test_time_that_runs_backwards_is_sorted_and_noted(tmp_path: Path) -> None:
    log = _load(tmp_path, *(event_row(at=at) for at in (300, "", 100, 200, 150)))
    assert log.events["time"].to_list() == [100, 150, 200, 300]
    assert f"{tmp_path / 'events.csv'}: time runs backwards at 2 rows; events were sorted" in log.notes
    ordered = _load(tmp_path, *(event_row(at=at) for at in (100, 100, 200)))
    assert not any("backwards" in note for note in ordered.notes)


def test_lines_in_another_encoding_are_read_and_noted(tmp_path: Path) -> None:
    path = write_log(tmp_path, event_row(item="Café"), event_row(item="Rosé")) / "events.csv"
    path.write_bytes(path.read_bytes().replace("Café".encode(), "Café".encode("latin-1")))
    log = load("events", tmp_path)
    assert log.items["item"].to_list() == ["Café", "Rosé"]
    assert "events.csv: 1 lines were not UTF-8 and were read as Latin-1" in log.notes


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (event_row(action="wish"), r"column action, row 3: 'wish' is not a name in events\.types \(buy, look, login\)"),
        (event_row(action="Buy"), "column action, row 3: 'Buy' is not a name"),
        (event_row(amount="2,50"), "column amount, row 3: '2,50' is not a number"),
        (event_row(at="noon"), r"column at, row 3: 'noon' is not a time \(seconds\)"),
    ],
)
def test_a_wrong_value_is_refused_by_file_column_and_row(tmp_path: Path, row: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(InputError, match=rf"events\.csv: {sentence}"):
        _load(tmp_path, event_row(), row, event_row())


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    write_log(tmp_path)
    write_table(tmp_path / "events.csv", [name.replace("sku", "product") for name in EVENT_HEADER], [event_row()])
    with pytest.raises(InputError, match=r"events\.csv: lacks column sku; it has visitor, product, at, action, amount"):
        load("events", tmp_path)


def test_a_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    path = write_log(tmp_path) / "events.csv"
    with pytest.raises(InputError, match=r"events\.csv: the file has no rows"):
        load("events", tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"events\.csv: the file is empty"):
        load("events", tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"events\.csv: there is no such file"):
        load("events", tmp_path)


def test_a_log_of_nothing_usable_is_refused_with_the_counts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"events\.csv: none of its 2 rows is usable \(2 of types to ignore\)"):
        _load(tmp_path, event_row(action="login"), event_row("bob", action="login"))


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([event_row(item="a"), event_row(item="b")], "1 users and 2 items"),
        ([event_row("ann"), event_row("bob")], "2 users and 1 items"),
    ],
)
def test_a_log_of_one_user_or_one_item_is_read_but_teaches_nothing(
    tmp_path: Path, rows: list[tuple[str, ...]], counts: str
) -> None:
    with pytest.raises(InputError, match=f"events: {counts} are left of 2 events"):
        clean(_load(tmp_path, *rows))


def test_the_path_is_the_toml_or_the_folder_of_the_only_one(tmp_path: Path) -> None:
    write_log(tmp_path, event_row())
    assert load("events", tmp_path / "log.toml").events.height == 1
    (tmp_path / "other.toml").touch()
    with pytest.raises(InputError, match=r"one file named \*\.toml is wanted, found: log\.toml, other\.toml"):
        load("events", tmp_path)
    with pytest.raises(InputError, match="events needs --path: the TOML file"):
        load("events")
