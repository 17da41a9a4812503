from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.gateway.rules_dry_run import dry_run
from shortlist.release.bundle import Release
from support.tiny_release import item_id


def told(tmp_path: Path, release: Release, text: str) -> list[str]:
    """Try a file."""
    path = tmp_path / "rules.toml"
    path.write_text(text)
    return dry_run(path, release)


def test_it_tells_what_each_rule_did_and_what_changed(tmp_path: Path, tiny_release: Release) -> None:
    first, cap, pin, bury, last, note = told(
        tmp_path,
        tiny_release,
        '[[cap]]\nname = "one"\nlevel = 2\nmost = 1\n'
        f'[[pin]]\nname = "launch"\nitem = "{item_id(7)}"\nposition = 1\n'
        '[[bury]]\nname = "gone"\nitems = ["no-such-item"]\n',
    )
    requests = int(first.split(" rules over ")[1].split()[0])
    assert requests > 10
    assert tiny_release.id in first
    assert cap == f'line 1: cap "one": {requests} slates had more without it'
    moved = int(pin.removeprefix('line 5: pin "launch": moved items of ').split()[0])
    assert 0 < moved <= requests, "who has seen the item already is not shown it"
    assert bury == 'line 9: bury "gone": moved items of 0 slates'
    assert last.startswith(f"{requests} of {requests} slates change; ")
    assert note == 'note: line 9: bury "gone": the release has no item "no-such-item"'


def test_no_rules_change_nothing(tmp_path: Path, tiny_release: Release) -> None:
    assert told(tmp_path, tiny_release, "")[-1].startswith("0 of ")


def test_a_file_that_is_refused_is_refused_here(tmp_path: Path, tiny_release: Release) -> None:
    with pytest.raises(InputError, match=r"rules.toml:1: there is no rule caps"):
        told(tmp_path, tiny_release, "[[caps]]\n")
