import logging

import pytest

from shortlist.telemetry.request_log import MAX_LINES_A_SECOND, RequestLog, hashed
from support.clock import Clock


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = record.__dict__["fields"]
    return fields


def test_so_many_lines_a_second_are_written_and_the_next_says_how_many_were_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock(100.5)
    log = RequestLog(clock)
    for number in range(MAX_LINES_A_SECOND + 3):
        log.write(logging.WARNING, "slow request", {"number": number})
    assert [fields_of(record) for record in caplog.records] == [{"number": n} for n in range(MAX_LINES_A_SECOND)]
    caplog.clear()
    clock.now += 1.0
    for number in range(2):
        log.write(logging.WARNING, "slow request", {"number": number})
    assert [fields_of(record) for record in caplog.records] == [{"number": 0, "left_out": 3}, {"number": 1}]


def test_a_hash_is_short_the_same_for_the_same_user_and_shows_nothing_of_the_id() -> None:
    assert hashed("ann") == hashed("ann") != hashed("bo")
    assert len(bytes.fromhex(hashed("ann"))) == 8
    assert len(hashed("u" * 256)) == 16
