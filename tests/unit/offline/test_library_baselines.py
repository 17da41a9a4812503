import numpy as np
import pytest

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.baselines import Popularity
from shortlist.offline.exams import Exam
from shortlist.offline.library_baselines import (
    ALS_GRID,
    AlsSettings,
    BprSettings,
    Factors,
    choose_factors,
)
from shortlist.offline.protocol import ask, evaluate
from support.tiny_logs import tiny_log

EXAM = Exam.by_time(tiny_log(items=80))
TRIAL = EXAM.trial()
BOTH = pytest.mark.parametrize(
    "settings", [AlsSettings(factors=8), BprSettings(factors=8, learning_rate=0.05)], ids=["als", "bpr"]
)


@BOTH
def test_taste_is_learnt(settings: AlsSettings | BprSettings) -> None:
    quality = evaluate(Factors(TRIAL.past, settings, 1), TRIAL.test)["ndcg@10"].mean()
    assert quality > 1.1 * evaluate(Popularity(TRIAL.past), TRIAL.test)["ndcg@10"].mean()


@BOTH
def test_a_seed_fixes_the_lists(settings: AlsSettings | BprSettings) -> None:
    first, second = (ask(Factors(TRIAL.past, settings, 1), TRIAL.test, 10) for _ in range(2))
    assert first.tolist() == second.tolist()


@BOTH
def test_only_items_with_a_past_are_listed(settings: AlsSettings | BprSettings) -> None:
    early = TRIAL.past.before(int(TRIAL.past.times.min()) + 5 * 86_400)
    listed = ask(Factors(early, settings, 1), TRIAL.test, 80)
    rows = np.unique(listed[listed >= FIRST_ITEM_ROW])
    assert set(rows) <= set(early.rows)


def test_the_best_on_the_earlier_trial_is_chosen() -> None:
    trial = EXAM.earlier
    assert trial is not None
    grid = (AlsSettings(factors=1, iterations=1), AlsSettings(factors=8))
    quality = [evaluate(Factors(trial.past, settings, 1), trial.test)["ndcg@10"].mean() for settings in grid]
    assert choose_factors(trial, grid, 1) == grid[int(np.argmax(quality))]


def test_without_an_earlier_trial_the_first_stands() -> None:
    assert choose_factors(None, ALS_GRID, 1) == ALS_GRID[0]
