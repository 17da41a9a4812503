import numpy as np
import pytest

from shortlist.core.keys import item_key
from shortlist.features.seed import main, user_rows
from shortlist.release.bundle import Release
from support.tiny_release import DAY_S, EVENTS_PER_USER, LOG_END_S, USERS

YEARS_LATER = LOG_END_S + 1000 * DAY_S + 3600.0


def test_every_user_of_the_release_gets_a_row_with_their_items(tiny_release: Release) -> None:
    histories = tiny_release.histories()
    rows = dict(user_rows(histories, tiny_release.vocabulary, LOG_END_S, LOG_END_S))
    assert len(rows) == USERS
    bought = [tiny_release.vocabulary.id_of(row) for row in histories.rows[:EVENTS_PER_USER]]
    assert rows["user-00"].events["key"].tolist() == [item_key(item) for item in bought]


def test_the_log_is_moved_by_whole_days_to_end_today(tiny_release: Release) -> None:
    histories = tiny_release.histories()
    _, row = next(user_rows(histories, tiny_release.vocabulary, LOG_END_S, YEARS_LATER))
    assert row.event_time == histories.times[0] + 1000 * DAY_S


def test_counters_are_those_of_today(tiny_release: Release) -> None:
    rows = user_rows(tiny_release.histories(), tiny_release.vocabulary, LOG_END_S, YEARS_LATER)
    _, row = next(rows)
    assert row.counters_time == int(YEARS_LATER)
    assert 0.0 < row.counters[0] < EVENTS_PER_USER


def test_rows_survive_the_codec(tiny_release: Release) -> None:
    for _, row in user_rows(tiny_release.histories(), tiny_release.vocabulary, LOG_END_S, YEARS_LATER):
        decoded = type(row).decode(row.encode())
        assert np.array_equal(decoded.events, row.events)


def test_wrong_arguments_are_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "shortlist.features.seed RELEASE_DIR" in capsys.readouterr().err


def test_a_release_that_is_none_fails_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/nowhere"]) == 1
    assert capsys.readouterr().err == "/nowhere: manifest.json cannot be read: No such file or directory\n"
