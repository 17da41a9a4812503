"""`shortlist evaluate`: a release on the part of the log that it has not seen, next to every baseline."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shortlist.offline import datasets
from shortlist.offline.baseline_set import LEFT_OUT, all_baselines
from shortlist.offline.exams import Exam
from shortlist.offline.measure import (
    TWO_STAGE,
    Measured,
    Quality,
    Ruler,
    check_unseen,
    gains_over_baselines,
    measure_release,
)
from shortlist.offline.progress import Stages
from shortlist.release.bundle import Release


def evaluate(release_path: Path, dataset: str, path: Path | None, console: Console | None = None) -> dict[str, Quality]:
    """Measure a release against the newest fifth of the log; print the table, and give the means by model.

    Raises:
        InputError: the log cannot be read, or the release saw what it would be tested on.
        ReleaseRefusedError: the release is damaged.
    """
    console = console or Console()
    release = Release.open(release_path)
    exam = Exam.by_time(datasets.load(dataset, path))
    check_unseen(release, exam.split)
    trial = exam.trial()
    with Stages(console) as stages:
        ruler = Ruler(trial, release.directions(slice(None)))
        measured = measure_release(release, trial, ruler)
        for baseline in all_baselines(trial, exam.earlier, release.manifest.seed, stages):
            measured[baseline.name] = ruler.ask(baseline.recommender)
    test = trial.test
    console.print(gains_table(measured, f"{release.id}, new items only, {len(test):,} users"), lists_table(measured))
    console.print(
        f"Not tested: {test.unknown_users:,} users and {test.unknown_items:,} items that training does not hold. "
        + LEFT_OUT
    )
    return {name: one.quality for name, one in measured.items()}


def gains_table(measured: Mapping[str, Measured], title: str) -> Table:
    """Lay out NDCG@10 and how much better that of the two stages is (95 % interval); fits 80 columns, as the other."""
    gains = gains_over_baselines(measured)
    table = _table(title, "NDCG@10", f"gain of {TWO_STAGE}", "HR@10")
    for model, one in measured.items():
        gain = gains.get(model)
        table.add_row(
            model,
            f"{one.quality.ndcg_at_10:.4f}",
            f"{gain.relative:+.1%} [{gain.low:+.1%}, {gain.high:+.1%}]" if gain else "",
            f"{one.quality.hit_rate_at_10:.3f}",
        )
    return table


def lists_table(measured: Mapping[str, Measured]) -> Table:
    """Lay out the other means: recall, and what the lists of ten are like besides right."""
    table = _table("Recall; coverage, novelty and diversity at 10", "MRR", "R@20", "R@200", "cover", "novel", "diverse")
    for model, one in measured.items():
        quality = one.quality
        table.add_row(
            model,
            f"{quality.mrr:.3f}",
            f"{quality.recall_at_20:.3f}",
            f"{quality.recall_at_200:.3f}",
            f"{quality.coverage_at_10:.1%}",
            f"{quality.novelty_at_10:.2f}",
            f"{quality.diversity_at_10:.3f}",
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table("model", title=title)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
