import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.clean import after, before, clean, split_at
from shortlist.offline.log import EVENT_SCHEMA, BehaviourLog, Dropped, as_items
from support.tiny_logs import tiny_log


def _log(*pairs: tuple[str, str]) -> BehaviourLog:
    rows = [(user, item, 5, time, 1.0) for time, (user, item) in enumerate(pairs)]
    events = pl.DataFrame(rows, EVENT_SCHEMA, orient="row")
    ids = pl.Series("item", sorted({item for _, item in pairs}), pl.String)
    items = as_items(pl.DataFrame({"item": ids, "title": ids}))
    return BehaviourLog("test", events, items, len(rows), (Dropped("x", 1),), ("note",), ("grams",), 7)


def test_a_cut_leaves_its_share_of_the_events_before_it() -> None:
    log = tiny_log()
    cut = split_at(log, 0.8)
    assert before(log, cut).events.height == pytest.approx(0.8 * log.events.height, abs=1)
    assert before(log, cut).events.height + after(log, cut).events.height == log.events.height
    assert after(log, cut).events["time"].min() == cut


def test_a_part_of_a_log_keeps_the_items_that_occur_in_it() -> None:
    log = _log(("u", "a"), ("u", "b"), ("u", "a"))
    assert before(log, 1).items["item"].to_list() == ["a"]
    assert after(log, 1).items["item"].to_list() == ["a", "b"]


def test_a_part_of_a_log_keeps_what_is_said_of_the_whole() -> None:
    log = _log(("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"))
    for part in (before(log, 2), after(log, 2), clean(log)):
        assert (part.notes, part.number_names, part.fewest_item_events) == (("note",), ("grams",), 7)


def test_a_log_of_one_moment_cannot_be_split() -> None:
    with pytest.raises(InputError, match="1 events cannot be split in time at 80%"):
        split_at(_log(("u", "a")), 0.8)
    with pytest.raises(InputError, match="0 events"):
        split_at(_log(), 0.8)


def test_dropping_rare_items_goes_on_until_no_user_is_rare() -> None:
    common = [(user, item) for user in ("u", "v") for item in ("a", "b")]
    # w is active only through the rare item r; without w, the item c becomes rare too, and then x.
    log = _log(*common, ("w", "r"), ("w", "c"), ("x", "c"), ("x", "a"))
    cleaned = clean(log, min_user_events=2, min_item_events=2)
    assert set(cleaned.events["user"]) == {"u", "v"}
    assert cleaned.items["item"].to_list() == ["a", "b"]
    assert cleaned.dropped == (
        Dropped("x", 1),
        Dropped("of items with fewer than 2 events or 1 users", 2),
        Dropped("of users with fewer than 2 events", 2),
    )


def test_an_item_that_one_user_bought_often_is_rare_by_users() -> None:
    log = _log(("u", "a"), ("u", "a"), ("u", "a"), ("u", "b"), ("v", "b"), ("v", "c"), ("u", "c"))
    assert clean(log, min_item_users=2).items["item"].to_list() == ["b", "c"]


def test_a_log_of_common_users_and_items_stays_as_it_is() -> None:
    log = tiny_log()
    assert clean(log, min_user_events=2).events.equals(log.events)


@pytest.mark.parametrize(
    ("pairs", "counts"),
    [
        ([("u", "a"), ("u", "b")], "1 users and 2 items"),
        ([("u", "a"), ("v", "a")], "2 users and 1 items"),
        ([], "0 users and 0 items"),
    ],
)
def test_a_log_of_one_user_or_one_item_is_refused_with_the_numbers(pairs: list[tuple[str, str]], counts: str) -> None:
    with pytest.raises(InputError, match=f"test: {counts} are left of {len(pairs)} events.*at least 2"):
        clean(_log(*pairs))
