import polars as pl
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.exams import EXAMS, Exam, split_by_user
from shortlist.offline.log import EVENT_SCHEMA, BehaviourLog
from support.tiny_logs import tiny_log

LOG = tiny_log()


def _log(*events: tuple[str, str, int, EventType]) -> BehaviourLog:
    rows = [(user, item, int(kind), time, 1.0) for user, item, time, kind in events]
    frame = pl.DataFrame(rows, EVENT_SCHEMA, orient="row").sort("time", maintain_order=True)
    return BehaviourLog("test", frame, LOG.items, len(rows))


def test_each_user_keeps_the_first_of_their_own_events_wherever_others_are() -> None:
    bought = EventType.PURCHASE
    early = [("ann", f"item-{place:03}", place, bought) for place in range(10)]
    late = [("bob", f"item-{place:03}", 100 + place, bought) for place in range(5)]
    first, later = split_by_user(_log(*early, *late))
    assert first.events.group_by("user").len().sort("user").rows() == [("ann", 8), ("bob", 4)]
    latest = first.events.group_by("user").agg(pl.col("time").max()).sort("user")["time"]
    earliest = later.events.group_by("user").agg(pl.col("time").min()).sort("user")["time"]
    assert (latest < earliest).all()


def test_only_positive_events_are_split() -> None:
    seen = [("ann", f"item-{place:03}", place, EventType.VIEW) for place in range(10)]
    clicked = [("ann", f"item-{place:03}", 20 + place, EventType.CLICK) for place in range(5)]
    first, later = split_by_user(_log(*seen, *clicked))
    assert (first.events.height, later.events.height) == (4, 1)


def test_users_with_one_event_each_cannot_be_split() -> None:
    with pytest.raises(InputError, match="nobody did enough"):
        split_by_user(_log(("ann", "item-000", 1, EventType.CLICK), ("bob", "item-001", 2, EventType.CLICK)))


def test_an_exam_by_user_tests_each_user_on_their_own_last_events() -> None:
    exam = Exam.by_user(LOG)
    trial = exam.trial()
    first, later = split_by_user(LOG)
    assert len(trial.past.times) <= first.events.height
    known = {user: set(items) for user, items in first.events.group_by("user").agg("item").rows()}
    after = {user: set(items) for user, items in later.events.group_by("user").agg("item").rows()}
    for place, user in enumerate(trial.test.users):
        name = trial.past.user_ids[user]
        relevant = {trial.past.vocabulary.ids[row - 2] for row in trial.test.relevant[place]}
        assert relevant <= after[name] - known[name]


def test_an_exam_chooses_constants_on_what_lies_before_its_cut() -> None:
    for exam in (Exam.by_time(LOG), Exam.by_time_earlier(LOG)):
        assert exam.earlier is not None
        assert exam.earlier.at_s == exam.split.cut_s - exam.split.horizon_s
        assert exam.earlier.past.times.max() < exam.earlier.at_s
        assert exam.split.interactions.times.max() < exam.split.cut_s


def test_the_earlier_exam_ends_where_the_later_one_is_cut() -> None:
    exam, earlier = Exam.by_time(LOG), Exam.by_time_earlier(LOG)
    assert earlier.log.events["time"].max() < exam.split.cut_s
    assert earlier.split.cut_s < exam.split.cut_s


def test_exams_have_names_of_their_own() -> None:
    assert len({plan.name for plan in EXAMS}) == len(EXAMS)
