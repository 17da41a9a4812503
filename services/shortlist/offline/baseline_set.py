"""Every baseline on one trial, with constants chosen on an earlier one."""

from collections.abc import Iterator
from dataclasses import asdict

from shortlist.offline.baselines import Baseline, quick_baselines
from shortlist.offline.ease_baselines import FIXED, GRID, Ease, EaseSettings, choose_settings
from shortlist.offline.library_baselines import ALS_GRID, BPR_GRID, AlsSettings, BprSettings, Factors, choose_factors
from shortlist.offline.progress import Stages
from shortlist.offline.protocol import Trial

EASE = "EASE"
TIME_AWARE_EASE = ("time-aware EASE", "time-aware EASE, fixed")
"""With constants chosen before the cut, and with fixed ones; a release is judged by whichever does better."""
LEFT_OUT = "SASRec is left out: trained to its best it takes longer than all the others together."


def all_baselines(trial: Trial, earlier: Trial | None, seed: int, stages: Stages) -> Iterator[Baseline]:
    """Fit all of them, one after the other.

    Args:
        trial: What the baselines are fitted for; its test is not looked at.
        earlier: A trial whose past and test both lie before the cut, where constants are chosen; None: the defaults.
        seed: Where ALS and BPR begin.
        stages: Progress.
    """
    yield from quick_baselines(trial)
    past, at_s = trial.past, trial.at_s
    with stages.stage("choose EASE", len({(settings.ridge, settings.half_life_days) for settings in GRID})) as advance:
        static, timed = choose_settings(earlier, advance)
    yield Baseline(EASE, Ease(past, at_s, static), f"ridge {static.ridge:g}")
    for name, settings in zip(TIME_AWARE_EASE, (timed, FIXED), strict=True):
        yield Baseline(name, Ease(past, at_s, settings), _words(settings))
    with stages.stage("choose ALS and BPR", len(ALS_GRID) + len(BPR_GRID)) as advance:
        als, bpr = choose_factors(earlier, ALS_GRID, seed, advance), choose_factors(earlier, BPR_GRID, seed, advance)
    yield Baseline("ALS", Factors(past, als, seed), _words(als))
    yield Baseline("BPR", Factors(past, bpr, seed), _words(bpr))


def _words(settings: EaseSettings | AlsSettings | BprSettings) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(settings).items())
