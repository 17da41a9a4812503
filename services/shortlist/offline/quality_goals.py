"""The goals of answer quality, and whether results meet them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shortlist.offline.baseline_set import EASE, TIME_AWARE_EASE
from shortlist.offline.baselines import POPULARITY
from shortlist.offline.measure import TWO_STAGE, gain
from shortlist.offline.metrics import Gain
from shortlist.offline.new_items import BY_CONTENT
from shortlist.offline.quality_results import ExamResults
from shortlist.offline.source_recall import TOGETHER

_LEAST_NDCG = 0.155
_LEAST_GAIN = {"online-retail": (TIME_AWARE_EASE, 0.10), "completejourney": ((EASE,), 0.08)}
_MOST_APART = 0.001


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal, what was measured, and whether that meets it; None where nothing was measured."""

    wanted: str
    measured: str = "not measured"
    is_met: bool | None = None

    @property
    def verdict(self) -> str:
        """One word for a table."""
        return {True: "met", False: "**missed**", None: "open"}[self.is_met]


def goals(results: Mapping[str, ExamResults]) -> Iterator[Goal]:
    """Judge every goal on the results at hand, by exam."""
    shop = results.get("online-retail")
    yield _least_ndcg(shop)
    for name, (baselines, least) in _LEAST_GAIN.items():
        yield _least_gain(name, results.get(name), baselines, least)
    yield _same_sign(shop, results.get("online-retail-earlier"))
    yield _shown(results.get("ml-latest-small"))
    for name in _LEAST_GAIN:
        yield _better_together(name, results.get(name))
        yield _new_items(name, results.get(name))
        yield _as_served(name, results.get(name))


def gain_over(found: ExamResults, baselines: Sequence[str]) -> Gain:
    """Compare the two stages, averaged over seeds user by user, with the best of some baselines."""
    models = found.baselines.models
    best = max(baselines, key=lambda name: models[name].quality.ndcg_at_10)
    return gain(found.over_seeds(TWO_STAGE).ndcg, models[best].ndcg)


def gain_text(found: Gain) -> str:
    """Write a gain with its interval."""
    return f"{found.relative:+.1%} [{found.low:+.1%}, {found.high:+.1%}]"


def _best_of(baselines: Sequence[str]) -> str:
    return baselines[0] if len(baselines) == 1 else f"the better of {' and '.join(baselines)}"


def _least_ndcg(found: ExamResults | None) -> Goal:
    wanted = f"online-retail: NDCG@10 at least {_LEAST_NDCG}, mean of the seeds"
    if found is None:
        return Goal(wanted)
    by_seed = [outcome.models[TWO_STAGE].quality.ndcg_at_10 for outcome in found.seeds.values()]
    mean = sum(by_seed) / len(by_seed)
    return Goal(wanted, f"{mean:.4f} ({min(by_seed):.4f} to {max(by_seed):.4f})", mean >= _LEAST_NDCG)


def _least_gain(name: str, found: ExamResults | None, baselines: Sequence[str], least: float) -> Goal:
    wanted = f"{name}: {least:+.0%} NDCG@10 or more over {_best_of(baselines)}, the interval without 0"
    if found is None:
        return Goal(wanted)
    over = gain_over(found, baselines)
    return Goal(wanted, gain_text(over), over.relative >= least and over.low > 0)


def _same_sign(found: ExamResults | None, earlier: ExamResults | None) -> Goal:
    wanted = f"online-retail: a gain over {_best_of(TIME_AWARE_EASE)} on the earlier cut as well"
    if found is None or earlier is None:
        return Goal(wanted)
    over = gain_over(earlier, TIME_AWARE_EASE)
    return Goal(wanted, gain_text(over), over.relative > 0 and gain_over(found, TIME_AWARE_EASE).relative > 0)


def _shown(found: ExamResults | None) -> Goal:
    wanted = f"ml-latest-small: shown, next to {EASE}"
    return Goal(wanted) if found is None else Goal(wanted, gain_text(gain_over(found, (EASE,))), is_met=True)


def _better_together(name: str, found: ExamResults | None) -> Goal:
    wanted = f"{name}: Recall@200 of all sources together above every single one, for every seed"
    if found is None:
        return Goal(wanted)
    recalls = [outcome.source_recalls for outcome in found.seeds.values()]
    means = {source: sum(one[source] for one in recalls) / len(recalls) for source in recalls[0]}
    is_met = all(one[TOGETHER] > max(value for source, value in one.items() if source != TOGETHER) for one in recalls)
    return Goal(wanted, ", ".join(f"{source} {value:.3f}" for source, value in means.items()), is_met)


def _new_items(name: str, found: ExamResults | None) -> Goal:
    wanted = f"{name}: NDCG@10 on items without a training event above {POPULARITY}"
    if found is None or not found.new_items:
        return Goal(wanted)
    ours, theirs = found.new_items[BY_CONTENT], found.new_items[POPULARITY]
    return Goal(wanted, f"{ours:.4f} against {theirs:.4f}", ours > theirs)


def _as_served(name: str, found: ExamResults | None) -> Goal:
    wanted = f"{name}: NDCG@10 of what the gateway answers within {_MOST_APART} of the figure here"
    if found is None or not found.served:
        return Goal(wanted)
    seed, served = int(found.served["seed"]), found.served["ndcg_at_10"]
    offline = found.seeds[seed].models[TWO_STAGE].quality.ndcg_at_10
    return Goal(wanted, f"{served:.4f} against {offline:.4f} (seed {seed})", abs(served - offline) <= _MOST_APART)
