import gzip
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.datasets import load
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog
from support.retail_files import HEADER, retail_row, write_retail, write_workbook


def _dropped(log: BehaviourLog) -> dict[str, int]:
    return {line.reason: line.rows for line in log.dropped if line.rows}


def _load(tmp_path: Path, *rows: tuple[str, ...]) -> BehaviourLog:
    return load("online-retail", write_retail(tmp_path, rows))


def test_a_purchase_becomes_an_event_with_the_money_paid(tmp_path: Path) -> None:
    log = _load(tmp_path, retail_row(quantity=2, price=3.5))
    assert log.events.schema == EVENT_SCHEMA
    assert log.items.schema == ITEM_SCHEMA
    assert log.events.rows() == [("13085", "85048", EventType.PURCHASE, 1_259_653_500, 7.0)]
    assert log.items.rows() == [("85048", "Glass Ball Lights", ["Other"], 3.5, "", [])]
    assert (log.rows_read, log.dataset) == (1, "online-retail")
    assert any("derived" in note for note in log.notes)


def test_events_come_in_the_order_of_time(tmp_path: Path) -> None:
    log = _load(tmp_path, retail_row(time="2010-05-01 10:00:00"), retail_row("2", time="2009-12-01 07:45:00"))
    assert log.events["user"].to_list() == ["2", "13085"]


def test_what_is_not_a_product_bought_by_a_known_customer_is_dropped_and_counted(tmp_path: Path) -> None:
    log = _load(
        tmp_path,
        retail_row("1"),
        retail_row("1"),
        retail_row(""),
        retail_row("nan"),
        retail_row("2", "POST"),
        retail_row("2", "gift_0001_20"),
        retail_row("2", time=""),
        retail_row("2", quantity=-3),
        retail_row("2", price=0),
        retail_row("2", price=""),
    )
    assert _dropped(log) == {
        "exact duplicates": 1,
        "without a customer": 2,
        "whose stock code is no product": 2,
        "without a time": 1,
        "whose quantity or price is not positive": 3,
    }
    assert log.events.height == 1
    assert log.rows_read == log.events.height + sum(line.rows for line in log.dropped)


def test_a_cancellation_takes_back_the_latest_earlier_purchase_of_the_same_quantity(tmp_path: Path) -> None:
    log = _load(
        tmp_path,
        retail_row("1", time="2010-01-01 10:00:00", price=1),
        retail_row("1", time="2010-01-02 10:00:00", price=2),
        retail_row("1", time="2010-01-02 11:00:00", price=3, quantity=5),
        retail_row("1", time="2010-01-03 10:00:00", invoice="C489435", quantity=-2),
        retail_row("1", time="2010-01-04 10:00:00", price=4),
    )
    assert _dropped(log) == {"cancellations": 1, "purchases that a cancellation takes back": 1}
    assert log.events["value"].to_list() == [2.0, 15.0, 8.0]


def test_a_cancellation_without_its_purchase_only_drops_itself(tmp_path: Path) -> None:
    log = _load(
        tmp_path,
        retail_row("1", quantity=12),
        retail_row("1", invoice="C1", quantity=-2, time="2010-01-03 10:00:00"),
        retail_row("2", invoice="C2", quantity=-12, time="2010-01-03 10:00:00"),
    )
    assert _dropped(log) == {"cancellations": 2}


def test_letters_of_a_stock_code_make_items_of_their_own_but_their_case_does_not(tmp_path: Path) -> None:
    log = _load(tmp_path, retail_row("1", "79323P"), retail_row("1", "79323W"), retail_row("2", "79323w"))
    assert log.items["item"].to_list() == ["79323P", "79323W"]


def test_an_item_has_its_most_frequent_description(tmp_path: Path) -> None:
    rows = [
        retail_row("1", title="wet/rusty"),
        retail_row("2", title='RECORD  FRAME 7" '),
        retail_row("3", title='RECORD FRAME 7"'),
        retail_row("4", title=""),
        retail_row("5", "22041", title=""),
        retail_row("6", title='RECORD FRAME 7"'),
    ]
    log = _load(tmp_path, *rows)
    assert log.items["title"].to_list() == ["22041", 'Record Frame 7"']


def test_an_items_price_is_the_median_of_its_last_twenty_sales(tmp_path: Path) -> None:
    old = [retail_row(f"{n}", price=9, time="2009-12-01 07:45:00") for n in range(30)]
    new = [retail_row(f"{n}", price=4, time="2010-12-01 07:45:00") for n in range(19)]
    log = _load(tmp_path, *old, *new, retail_row("99", price=100, time="2010-12-02 07:45:00"))
    assert log.items["price"].to_list() == [4.0]


def test_the_names_and_times_of_the_first_edition_are_understood(tmp_path: Path) -> None:
    header = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
    rows = [retail_row("13085.0", time="12/1/2010 8:26"), retail_row("13085", time="12/31/2010 8:26")]
    log = load("online-retail", write_retail(tmp_path, rows, header))
    assert log.events["time"].to_list() == [1_291_191_960, 1_293_783_960]
    assert log.events["user"].unique().to_list() == ["13085"]


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_a_folder_may_hold_the_log_in_any_of_three_formats(tmp_path: Path, kind: str) -> None:
    path = write_retail(tmp_path, [retail_row()])
    if kind == "csv.gz":
        (tmp_path / "online_retail.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    if kind == "parquet":
        pl.read_csv(path, try_parse_dates=True).write_parquet(tmp_path / "online_retail.parquet")
    if kind != "csv":
        path.unlink()
    assert load("online-retail", tmp_path).events["time"].to_list() == [1_259_653_500]


def test_all_sheets_of_the_workbook_are_read_and_what_both_hold_counts_once(tmp_path: Path) -> None:
    first, both, last = (retail_row(str(n), time=f"2010-12-0{n} 07:45:00") for n in (1, 2, 3))
    write_workbook(tmp_path, {"Year 2009-2010": [first, both], "Year 2010-2011": [both, last], "Notes": None})
    log = load("online-retail", tmp_path)
    assert log.events["user"].to_list() == ["1", "2", "3"]
    assert log.events.row(0) == ("1", "85048", EventType.PURCHASE, 1_291_189_500, 7.0)
    assert (_dropped(log), log.rows_read) == ({"exact duplicates": 1}, 4)


def test_an_error_in_a_workbook_names_sheet_column_and_row(tmp_path: Path) -> None:
    sheets = {"Year 2009-2010": [retail_row()], "Year 2010-2011": [retail_row(), (), retail_row(price="free")]}
    write_workbook(tmp_path, sheets)
    with pytest.raises(InputError, match=r"\.xlsx, sheet Year 2010-2011: column Price, row 4: 'free' is not a number"):
        load("online-retail", tmp_path)


def test_a_workbook_that_is_empty_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.xlsx: the workbook is empty"):
        load("online-retail", write_workbook(tmp_path, {"Notes": None}))
    (tmp_path / "online_retail_II.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"\.xlsx: not a workbook"):
        load("online-retail", tmp_path)
    with pytest.raises(InputError, match=r"there is no such file or folder"):
        load("online-retail", tmp_path / "absent.xlsx")


def test_lines_in_latin_1_are_read_and_counted(tmp_path: Path) -> None:
    path = write_retail(tmp_path, [retail_row("1", title="CAFÉ SIGN"), retail_row("2", "22041", title="POUND NOTE")])
    path.write_bytes(path.read_bytes().replace("CAFÉ".encode(), "CAFÉ".encode("latin-1")))
    log = load("online-retail", path)
    assert "Café Sign" in log.items["title"].to_list()
    assert "online_retail_II.csv: 1 lines were not UTF-8 and were read as Latin-1" in log.notes


def test_a_log_of_cancellations_only_is_refused_with_the_count(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of its 2 rows is usable \(2 cancellations\)"):
        _load(tmp_path, retail_row(invoice="C1", quantity=-1), retail_row(invoice="C2", quantity=-2))


def test_a_time_of_the_far_future_is_dropped_and_counted(tmp_path: Path) -> None:
    log = _load(tmp_path, retail_row(), retail_row(time="2109-12-01 07:45:00"))
    assert _dropped(log) == {"whose time is before 1970 or after 2099": 1}


def test_a_customer_who_buys_more_in_a_day_than_a_person_can_is_dropped_as_a_robot(tmp_path: Path) -> None:
    robot = [retail_row("3", time=f"2010-01-01 {at // 60:02}:{at % 60:02}:00") for at in range(1440)]
    log = _load(tmp_path, retail_row("1"), retail_row("2"), *robot)
    assert _dropped(log) == {"of robots (over 1,000 events or 1,000 items in a day)": 1440}


def test_a_time_that_is_none_is_refused_by_file_column_and_row(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"online_retail_II\.csv: column InvoiceDate, row 3: 'yesterday' is not a time"
    ):
        _load(tmp_path, retail_row(), retail_row(time="yesterday"))


def test_a_price_that_is_none_is_refused_by_file_column_and_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"online_retail_II\.csv: column Price, row 2: '3,50' is not a number"):
        _load(tmp_path, retail_row(price="3,50"), retail_row())


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    header = [name.replace("Customer ID", "Client") for name in HEADER]
    with pytest.raises(InputError, match=r"lacks column Customer ID or CustomerID; it has Invoice, .*Client, Country"):
        load("online-retail", write_retail(tmp_path, [retail_row()], header))


def test_without_a_path_the_user_learns_where_the_log_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"archive\.ics\.uci\.edu.*--path"):
        load("online-retail")


def test_an_unknown_dataset_is_refused_with_the_known_names() -> None:
    with pytest.raises(InputError, match="no dataset movies; known: completejourney, events, movielens, online-retail"):
        load("movies")
