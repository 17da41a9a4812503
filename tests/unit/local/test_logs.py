"""The end of a child's log, and the bound on its size."""

from pathlib import Path

from shortlist.local.logs import bound, tail


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(5000)))

    assert tail(log, lines=2) == "line 4998\nline 4999"


def test_the_tail_of_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log") == ""


def test_bytes_that_are_no_text_do_not_hide_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"\xff\xfe\nthe reason\n")

    assert tail(log).endswith("the reason")


def test_a_log_over_the_limit_is_emptied_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        bound(log, limit_bytes=99)
        writer.write(b"after")

    assert log.read_bytes() == b"after"


def test_a_log_that_someone_removed_is_no_error(tmp_path: Path) -> None:
    bound(tmp_path / "none.log")


def test_a_log_within_the_limit_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 100)

    bound(log, limit_bytes=100)

    assert log.stat().st_size == 100
