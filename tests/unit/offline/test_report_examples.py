from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.offline.interactions import NEVER_S, Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.protocol import TestSet, Trial
from shortlist.offline.report_examples import HISTORY, SLATE, USERS, examples_of
from shortlist.offline.served import requests_of, serve
from shortlist.release.bundle import Release
from support.tiny_release import DAY_S, ITEMS, LOG_END_S, build_tiny_release

TESTED = 12


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build_tiny_release(tmp_path_factory.mktemp("examples") / "release")


def _trial(release: Release, users: int = TESTED) -> Trial:
    """Let user u buy items u to 2u + 2 of the vocabulary, a day each, and every second item later."""
    counts = np.arange(users) + 3
    owners = np.repeat(np.arange(users, dtype=np.int32), counts)
    rows = np.concatenate([np.arange(u, 2 * u + 3) for u in range(users)]).astype(np.int32) + FIRST_ITEM_ROW
    days = np.concatenate([np.arange(count, 0, -1) for count in counts])
    past = Interactions(
        tuple(f"user-{u:02}" for u in range(users)),
        release.vocabulary,
        np.concatenate([[0], np.cumsum(counts)]),
        owners,
        rows,
        np.full(len(rows), EventType.PURCHASE, np.uint8),
        LOG_END_S - days * DAY_S,
        np.ones(len(rows), np.float32),
        np.full(len(rows), NEVER_S),
    )
    later = np.arange(0, ITEMS, 2) + FIRST_ITEM_ROW
    relevant = ItemSets.from_pairs(np.repeat(np.arange(users), len(later)), np.tile(later, users), users)
    test = TestSet(np.arange(users, dtype=np.int32), ItemSets.from_pairs(owners, rows, users), relevant)
    return Trial(past, LOG_END_S, test)


def test_users_are_spread_from_a_short_history_to_a_long_one(release: Release) -> None:
    shown = examples_of(release, _trial(release))
    assert [example.user_id for example in shown] == [f"user-{u:02}" for u in (1, 3, 6, 8, 10)]


@pytest.mark.parametrize("users", [1, 2, USERS])
def test_nobody_is_shown_twice_where_few_are_tested(release: Release, users: int) -> None:
    shown = examples_of(release, _trial(release, users))
    assert [example.user_id for example in shown] == [f"user-{u:02}" for u in range(users)]


def test_a_history_is_newest_first_and_cut(release: Release) -> None:
    last = examples_of(release, _trial(release))[-1]
    newest = [release.catalogue.titles[row + FIRST_ITEM_ROW] for row in range(22, 22 - HISTORY, -1)]
    assert [item.title for item in last.history] == newest


def test_a_slate_is_what_the_release_serves_and_what_was_bought_is_marked(release: Release) -> None:
    trial = _trial(release)
    ranked = serve(release, *requests_of(trial)).ranked
    for example in examples_of(release, trial):
        place = trial.past.user_ids.index(example.user_id)
        rows = ranked[place, :SLATE].tolist()
        assert [served.item.title for served in example.slate] == [release.catalogue.titles[row] for row in rows]
        assert [served.is_bought for served in example.slate] == [row % 2 == FIRST_ITEM_ROW % 2 for row in rows]
        assert example.bought == ITEMS // 2


def test_each_item_names_the_sources_that_found_it(release: Release) -> None:
    for example in examples_of(release, _trial(release)):
        for served in example.slate:
            assert served.ranks
            assert set(served.ranks) <= set(release.manifest.features.sources)
            assert min(served.ranks.values()) >= 1


def test_an_item_without_a_title_goes_by_its_id(release: Release) -> None:
    titles = type(release.catalogue.titles).pack([""] * release.vocabulary.row_count)
    untitled = replace(release, catalogue=replace(release.catalogue, titles=titles))
    assert examples_of(untitled, _trial(release))[0].slate[0].item.title.startswith("item-")
