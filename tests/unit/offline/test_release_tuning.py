import json
from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.offline.release_tuning import EVIDENCE_NAME, PAGE_NAME, tune, user_queries
from shortlist.release.bundle import INDEX_NAME, Release
from shortlist.retrieval.cpu import read_index
from support.listed_releases import with_index
from support.tiny_release import DIMENSION, ITEMS, USERS


@pytest.fixture
def listed(tiny_release: Release, tmp_path: Path) -> Release:
    """Make a release whose index searches one of eight lists."""
    return with_index(tiny_release, "IVF8,SQfp16", tmp_path / "listed")


def test_the_first_setting_that_finds_enough_is_served_by_the_new_release(listed: Release, tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    *curve, last = tune(listed.path, out, least_recall=0.97)
    tuned = Release.open(out)
    evidence = json.loads((out / EVIDENCE_NAME).read_text())
    recalls = [point["recall_at_200"] for point in evidence["tried"]]
    assert [recall >= 0.97 for recall in recalls] == [False] * (len(recalls) - 1) + [True]
    assert len(curve) == len(recalls) > 1
    nprobe = evidence["chosen"]["nprobe"]
    assert read_index(out / INDEX_NAME, DIMENSION, ITEMS).nprobe == nprobe > 1
    assert (evidence["release"], evidence["before"]) == (listed.id, {"nprobe": 1.0})
    assert last.startswith(f"{tuned.id}: nprobe {nprobe:g}, was nprobe 1")
    page = (out / PAGE_NAME).read_text()
    assert page.count("<circle") == len(recalls)
    assert page.count("chosen") == 2  # in the sentence and in the table


def test_the_new_release_has_an_id_of_its_own_and_is_the_same_otherwise(listed: Release, tmp_path: Path) -> None:
    list(tune(listed.path, tmp_path / "tuned", least_recall=0.9))
    tuned = Release.open(tmp_path / "tuned")
    assert tuned.id != listed.id
    before, after = listed.manifest.files, tuned.manifest.files
    assert {name for name in after if after[name] != before.get(name)} == {INDEX_NAME, EVIDENCE_NAME, PAGE_NAME}
    assert before.keys() <= after.keys()
    assert Release.open(listed.path).manifest == listed.manifest


def test_a_lower_recall_searches_less(listed: Release, tmp_path: Path) -> None:
    most, least = (list(tune(listed.path, tmp_path / str(recall), least_recall=recall)) for recall in (1.0, 0.5))
    assert len(least) < len(most)


def test_a_flat_index_has_nothing_to_choose_and_is_told_what_lists_would_give(
    tiny_release: Release, tmp_path: Path
) -> None:
    first, *lines = tune(tiny_release.path, tmp_path / "tuned", least_recall=0.97)
    assert "nothing to choose, and nothing is written" in first
    assert any(line.startswith("IVF8,SQfp16, nprobe 1: recall@200 ") for line in lines)
    assert not (tmp_path / "tuned").exists()


def test_where_no_setting_finds_enough_the_best_is_named_and_nothing_is_written(
    listed: Release, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no setting of its IndexIVFScal.* finds 101.0% .*; nprobe \d finds 100.0%"):
        list(tune(listed.path, tmp_path / "tuned", least_recall=1.01))
    assert not (tmp_path / "tuned").exists()


def test_a_directory_that_exists_is_refused(listed: Release, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists"):
        list(tune(listed.path, tmp_path, least_recall=0.97))


def test_the_users_are_the_releases_own(tiny_release: Release) -> None:
    assert user_queries(tiny_release).shape == (USERS, DIMENSION)
