from pathlib import Path

import numpy as np
import pytest

from shortlist.core.errors import InputError
from shortlist.core.rules import RowRules
from shortlist.gateway.row_rules import row_rules
from shortlist.gateway.rules_file import RulesFile
from shortlist.release.bundle import Release
from support.tiny_release import ITEMS, item_id, numbers_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file."""
    return tmp_path / "rules.toml"


def bound(path: Path, text: str, release: Release) -> RowRules:
    """Apply a file of which the release has everything."""
    path.write_text(text)
    rules, notes = row_rules(RulesFile.read(path), release)
    assert not notes
    return rules


def rows_of(numbers: list[int], release: Release) -> list[int]:
    """Find the rows of items, ascending."""
    return sorted(release.vocabulary.rows_of_ids(item_id(number) for number in numbers).tolist())


def test_a_file_of_nothing_is_empty(path: Path, tiny_release: Release) -> None:
    rules = bound(path, "", tiny_release)
    assert rules.is_empty
    assert not rules.log_odds.any()
    assert rules.groups.shape == (ITEMS + 2, 0)


def test_boosts_add_up_over_items_and_categories_at_any_level(path: Path, tiny_release: Release) -> None:
    text = f"""
        [[boost]]
        name = "food"
        categories = ["Food"]
        log_odds = 1
        [[boost]]
        name = "tea and one lamp"
        categories = ["Tea"]
        items = ["{item_id(numbers_in("Lamps")[0])}"]
        log_odds = 0.5
    """
    rules = bound(path, text, tiny_release)
    for numbers, added in (
        (numbers_in("Tea"), 1.5),
        (numbers_in("Bread"), 1.0),
        (numbers_in("Lamps")[:1], 0.5),
        (numbers_in("Lamps")[1:], 0.0),
    ):
        assert set(rules.log_odds[rows_of(numbers, tiny_release)].tolist()) == {added}
    assert [move.rule for move in rules.moves] == ["food", "tea and one lamp"]
    assert rules.moves[1].rows.tolist() == rows_of([*numbers_in("Tea"), numbers_in("Lamps")[0]], tiny_release)


def test_what_is_buried_is_marked(path: Path, tiny_release: Release) -> None:
    rules = bound(path, '[[bury]]\nname = "b"\ncategories = ["Tea"]', tiny_release)
    assert np.flatnonzero(rules.is_buried).tolist() == rows_of(numbers_in("Tea"), tiny_release)


def test_pins_have_places(path: Path, tiny_release: Release) -> None:
    rules = bound(path, f'[[pin]]\nname = "p"\nitem = "{item_id(7)}"\nposition = 3', tiny_release)
    (row,) = rows_of([7], tiny_release)
    assert rules.pinned.tolist() == [row]
    assert rules.places[row] == 2
    assert (rules.places >= 0).sum() == 1


def test_a_cap_of_a_level_groups_by_the_categories_of_that_level(path: Path, tiny_release: Release) -> None:
    rules = bound(path, '[[cap]]\nname = "c"\nlevel = 2\nmost = 3', tiny_release)
    groups = [set(rules.groups[rows_of(numbers_in(name), tiny_release), 0].tolist()) for name in ("Tea", "Lamps")]
    assert [len(group) for group in groups] == [1, 1]
    assert groups[0] != groups[1]
    assert rules.groups.max() < rules.group_count
    assert rules.groups[:2].tolist() == [[0], [0]]
    assert rules.most.tolist() == [3]


def test_a_cap_of_a_category_groups_that_alone(path: Path, tiny_release: Release) -> None:
    rules = bound(path, '[[cap]]\nname = "c"\ncategory = "Food"\nmost = 1', tiny_release)
    assert np.flatnonzero(rules.groups[:, 0]).tolist() == rows_of(numbers_in("Food"), tiny_release)
    assert rules.groups.max() < rules.group_count


def test_what_the_release_does_not_have_is_noted_and_the_rest_holds(path: Path, tiny_release: Release) -> None:
    path.write_text(
        f'[[bury]]\nname = "b"\nitems = ["gone", "{item_id(3)}"]\ncategories = ["Cars"]\n'
        '[[pin]]\nname = "p"\nitem = "lost"\nposition = 1\n'
        '[[cap]]\nname = "c"\ncategory = "Boats"\nmost = 1\n'
    )
    rules, notes = row_rules(RulesFile.read(path), tiny_release)
    assert sorted(notes) == [
        'line 1: bury "b": the release has no category "Cars"',
        'line 1: bury "b": the release has no item "gone"',
        'line 5: pin "p": the release has no item "lost"',
        'line 9: cap "c": the release has no category "Boats"',
    ]
    assert np.flatnonzero(rules.is_buried).tolist() == rows_of([3], tiny_release)
    assert not len(rules.pinned)


def test_a_level_that_the_release_does_not_have_is_refused(path: Path, tiny_release: Release) -> None:
    path.write_text('\n[[cap]]\nname = "c"\nlevel = 3\nmost = 1')
    with pytest.raises(InputError) as caught:
        row_rules(RulesFile.read(path), tiny_release)
    assert str(caught.value) == f'{path}:2: cap "c": level 3: the items of the release have 2'


@pytest.mark.parametrize("counted", ['category = "Lamps"', "level = 2"])
def test_pins_that_break_a_cap_contradict_it(path: Path, tiny_release: Release, counted: str) -> None:
    lamps = numbers_in("Lamps")
    pins = "".join(f'[[pin]]\nname = "p{n}"\nitem = "{item_id(lamps[n])}"\nposition = {n + 1}\n' for n in range(2))
    path.write_text(f'[[cap]]\nname = "one lamp"\n{counted}\nmost = 1\n{pins}')
    with pytest.raises(InputError) as caught:
        row_rules(RulesFile.read(path), tiny_release)
    assert str(caught.value).startswith(f'{path}:9: pin "p1" contradicts cap "one lamp" of line 1: 2 items are pinned')
    path.write_text(f'[[cap]]\nname = "two lamps"\n{counted}\nmost = 2\n{pins}')
    assert len(row_rules(RulesFile.read(path), tiny_release)[0].pinned) == 2
