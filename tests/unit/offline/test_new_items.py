"""A tiny log in which some items are first sold after the cut: content must tell who buys them."""

from dataclasses import replace

import polars as pl
import pytest

from shortlist.offline.build import write_release
from shortlist.offline.exams import Exam
from shortlist.offline.new_items import AT_RANDOM, BY_CONTENT, READINGS, NewItems, new_item_quality
from shortlist.offline.progress import Stages
from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.recipe import Recipe
from shortlist.offline.tower_training import TowerSettings
from shortlist.release.bundle import Release
from support.tiny_logs import tiny_log

NEW = [f"item-{number:03}" for number in range(40, 80)]


def _log(*, with_news: bool = True):  # type: ignore[no-untyped-def]  # a BehaviourLog
    log = tiny_log(items=80, users=80)
    cut_s = Exam.by_time(log).split.cut_s
    is_new = pl.col("item").is_in(NEW)
    kept = ~is_new | (pl.col("time") >= cut_s) if with_news else ~is_new
    return replace(log, events=log.events.filter(kept))


@pytest.fixture(scope="module")
def exam() -> Exam:
    """Cut the log."""
    return Exam.by_time(_log())


@pytest.fixture(scope="module")
def release(exam: Exam, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Train on what lies before the cut."""
    folder = tmp_path_factory.mktemp("release")
    recipe = Recipe(precision="fp32", towers=TowerSettings(dimension=16, epochs=2), ranker=RankerSettings(steps=5))
    write_release(exam.log, folder, recipe, Stages())
    return Release.open(folder)


def test_new_items_are_those_without_a_training_event(exam: Exam, release: Release) -> None:
    found = NewItems.of(exam, release)
    assert found is not None
    before = exam.log.events.filter(pl.col("time") < exam.split.cut_s)["item"].unique()
    assert 0 < len(found.texts) == len(set(exam.log.events["item"]) - set(before))
    assert set(found.texts) <= set(exam.log.items.select(pl.col("title") + " ").to_series())
    names = release.catalogue.category_names
    categories = [text.split()[0] for text in found.texts]
    assert [names[number] for number in found.categories[:, 0]] == categories
    assert (found.relevant.sizes > 0).all()


def test_content_tells_who_buys_them(exam: Exam, release: Release) -> None:
    measured = new_item_quality(release, exam)
    assert measured[BY_CONTENT] > 1.3 * measured[AT_RANDOM]
    assert set(READINGS) < set(measured)


def test_without_new_items_nothing_is_measured(release: Release) -> None:
    assert new_item_quality(release, Exam.by_time(_log(with_news=False))) == {}
