"""The page on rules shows a file that is read, and an error as it is told."""

import re
from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.gateway.rules_file import KINDS, RulesFile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text()


def test_the_file_that_it_shows_is_read_and_has_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path.write_text(example)
    assert {stated.kind for stated in RulesFile.read(path).stated} == set(KINDS)


def test_the_error_that_it_shows_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("rules.toml")
    pin = '[[pin]]\nname = "{}"\nitem = "{}"\nposition = 2\n'
    path.write_text(pin.format("launch", "a") + "\n" * 4 + pin.format("spring", "b"))
    with pytest.raises(InputError) as caught:
        RulesFile.read(path)
    assert str(caught.value) in PAGE


def test_the_file_of_the_containers_rules_nothing_and_its_example_would(tmp_path: Path) -> None:
    deployed = ROOT / "deploy" / "rules" / "rules.toml"
    assert RulesFile.read(deployed).stated == []
    path = tmp_path / "rules.toml"
    path.write_text(deployed.read_text().partition("#\n")[2].replace("# ", ""))
    assert len(RulesFile.read(path).stated) == 1
