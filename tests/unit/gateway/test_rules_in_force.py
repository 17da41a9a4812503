import logging
import os
from pathlib import Path

import pytest

from shortlist.core.errors import StartError
from shortlist.gateway.rules_in_force import RulesInForce
from shortlist.release.bundle import Release
from support.pipelines import Kitchen, kitchen
from support.tiny_release import item_id

PIN = '[[pin]]\nname = "launch"\nitem = "{}"\nposition = 1\n'


@pytest.fixture
def place(tiny_release: Release) -> Kitchen:
    """Make metrics."""
    return kitchen(tiny_release)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file that pins item 7."""
    written = tmp_path / "rules.toml"
    written.write_text(PIN.format(item_id(7)))
    return written


@pytest.fixture
def rules(path: Path, place: Kitchen) -> RulesInForce:
    """Read it."""
    return RulesInForce(path, place.release, place.metrics)


def pinned(rules: RulesInForce, place: Kitchen) -> list[str]:
    """Name what is pinned."""
    return place.release.vocabulary.ids_of(rules().pinned)


def test_the_file_holds_from_the_start(rules: RulesInForce, place: Kitchen) -> None:
    assert pinned(rules, place) == [item_id(7)]
    assert place.count("rules") == 1
    assert place.count("rules_reloads_total", outcome="applied") == 0


def test_a_file_that_did_not_change_is_not_read_again(rules: RulesInForce, place: Kitchen) -> None:
    before = rules()
    rules.look()
    assert rules() is before
    assert place.count("rules_reloads_total", outcome="applied") == 0


def test_a_changed_file_holds_at_the_next_look(rules: RulesInForce, path: Path, place: Kitchen) -> None:
    path.write_text(PIN.format(item_id(8)) + '[[bury]]\nname = "b"\nitems = ["item-009"]\n')
    rules.look()
    assert pinned(rules, place) == [item_id(8)]
    assert place.count("rules") == 2
    assert place.count("rules_reloads_total", outcome="applied") == 1


def test_a_file_of_the_same_size_and_time_under_its_name_is_read(
    rules: RulesInForce, path: Path, place: Kitchen
) -> None:
    other, times = path.with_name("other.toml"), path.stat()
    other.write_text(PIN.format(item_id(8)))
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.rename(path)
    rules.look()
    assert pinned(rules, place) == [item_id(8)]


@pytest.mark.parametrize("text", ["[[pin]", PIN.format("a") + PIN.format("b"), '[[cap]]\nname="c"\nlevel=3\nmost=1\n'])
def test_a_refused_file_leaves_the_old_rules_and_is_counted_and_logged_once(
    rules: RulesInForce, path: Path, place: Kitchen, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path.write_text(text)
    for _ in range(3):
        rules.look()
    assert pinned(rules, place) == [item_id(7)]
    assert place.count("rules") == 1
    assert place.count("rules_refused") == 1
    assert place.count("rules_reloads_total", outcome="refused") == 1
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert str(path) in record.message


def test_a_file_that_is_gone_leaves_the_old_rules_and_counts_again_when_it_is_back(
    rules: RulesInForce, path: Path, place: Kitchen
) -> None:
    text = path.read_text()
    path.unlink()
    rules.look()
    assert pinned(rules, place) == [item_id(7)]
    assert place.count("rules_reloads_total", outcome="refused") == 1
    path.write_text(text)
    rules.look()
    assert place.count("rules_refused") == 0
    assert place.count("rules_reloads_total", outcome="applied") == 1


def test_what_the_release_does_not_have_is_logged_and_not_all_of_it(
    path: Path, place: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    gone = ", ".join(f'"gone-{number}"' for number in range(9))
    path.write_text(f'[[bury]]\nname = "b"\nitems = [{gone}]\n')
    RulesInForce(path, place.release, place.metrics)
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 6
    assert warnings[-1].endswith("and 4 more that the release does not have")


def test_a_start_with_a_wrong_file_is_refused(path: Path, place: Kitchen) -> None:
    path.write_text("[[caps]]\n")
    with pytest.raises(StartError, match=r"SHORTLIST_GATEWAY_RULES: .*rules.toml:1: there is no rule caps"):
        RulesInForce(path, place.release, place.metrics)
