import json
import logging
import sys
from datetime import datetime

import pytest

from shortlist.telemetry.logs import JsonLines, log_to_stderr


def rendered(message: str, *values: object, error: BaseException | None = None, **extra: object) -> dict[str, str]:
    """Render a record and read it again."""
    cause = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("shortlist.gateway", logging.WARNING, "file.py", 1, message, values, cause)
    record.__dict__.update(extra)
    line = JsonLines().format(record)
    assert "\n" not in line
    read: dict[str, str] = json.loads(line)
    return read


def test_a_record_is_one_line_of_json() -> None:
    line = rendered("lost %s after %d s", "redis", 3)
    assert line["message"] == "lost redis after 3 s"
    assert (line["level"], line["logger"]) == ("WARNING", "shortlist.gateway")


def test_fields_stand_beside_the_message() -> None:
    line = rendered("slow", fields={"request_id": "ab", "stages_ms": {"rank": 0.5}})
    assert (line["message"], line["request_id"], line["stages_ms"]) == ("slow", "ab", {"rank": 0.5})


def test_the_time_is_utc() -> None:
    offset = datetime.fromisoformat(rendered("now")["time"]).utcoffset()
    assert offset is not None
    assert not offset


def test_a_message_of_several_lines_stays_one_line() -> None:
    assert rendered("a\nb")["message"] == "a\nb"


def test_an_error_comes_with_its_traceback() -> None:
    assert "ValueError: broken" in rendered("failed", error=ValueError("broken"))["error"]


def test_every_logger_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        log_to_stderr()
        logging.getLogger("anything").info("hello")
        sys.stderr.flush()
    finally:
        root.handlers[:], root.level = before, level
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["message"] == "hello"
