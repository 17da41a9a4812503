"""`make quality`: releases on real logs, several seeds each, measured; docs/quality.md and docs/compression.md.

Takes hours. Everything measured is kept in a work folder and not measured again, so a run may be interrupted, and each
exam be run alone.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shortlist.core.errors import InputError
from shortlist.offline import datasets
from shortlist.offline.ablation import ABLATIONS
from shortlist.offline.baseline_set import all_baselines
from shortlist.offline.build import SeeRanker, write_release
from shortlist.offline.calibration import calibration_error
from shortlist.offline.compression import COMPRESSION_NAME, Compression, measure_compression
from shortlist.offline.compression_report import write_compression_report
from shortlist.offline.exams import EXAMS, Exam
from shortlist.offline.machine import machine
from shortlist.offline.measure import TWO_STAGE, Measured, Ruler, measure_release
from shortlist.offline.new_items import new_item_quality
from shortlist.offline.progress import Stages
from shortlist.offline.quality_goals import goals
from shortlist.offline.quality_report import write_report
from shortlist.offline.quality_results import BASELINES_NAME, ExamResults, Outcome
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.ranker_training import TrainedRanker
from shortlist.offline.recipe import Recipe
from shortlist.offline.report import peak_memory_bytes
from shortlist.offline.source_recall import source_recalls
from shortlist.release.bundle import Release, written_beside
from shortlist.release.manifest import Precision


def run_exam(
    name: str, exam: Exam, seeds: range, folder: Path, console: Console, precision: Precision = "int8"
) -> None:
    """Measure what the folder does not hold yet: a release for each seed, baselines, and the first ranker's variants.

    Args:
        name: Of the exam, for what is shown.
        exam: What is measured.
        seeds: Of the releases.
        folder: Where outcomes and releases are kept.
        console: Where progress is shown.
        precision: Of the releases' rankers.

    Raises:
        InputError: a release cannot be trained.
    """
    for seed in seeds:
        outcome = folder / f"seed-{seed}.json"
        if outcome.exists():
            continue
        console.print(f"{name}, seed {seed}")
        recipe = Recipe(holdout=exam.holdout, seed=seed, precision=precision)
        see = partial(_compress, exam, recipe, folder / COMPRESSION_NAME) if seed == seeds[0] else None
        begin = time.perf_counter()
        release = trained_release(exam, recipe, folder / f"release-{seed}", console, see)
        trained_s = time.perf_counter() - begin
        _measure_release(exam, release, trained_s).write(outcome)
    if not (folder / BASELINES_NAME).exists():
        console.print(f"{name}, baselines")
        _measure_baselines(exam, Release.open(folder / f"release-{seeds[0]}"), seeds[0], console).write(
            folder / BASELINES_NAME
        )


def run_ablation(exam: Exam, seed: int, folder: Path, console: Console) -> None:
    """Measure what the folder does not hold yet of the releases that lack a part.

    Args:
        exam: What is measured.
        seed: Of all of them.
        folder: Where outcomes and releases are kept, one folder for each ablation.
        console: Where progress is shown.

    Raises:
        InputError: a release cannot be trained.
    """
    for number, (name, change) in enumerate(ABLATIONS.items()):
        outcome = folder / f"ablation-{number}.json"
        if outcome.exists():
            continue
        console.print(f"without: {name}")
        recipe = change(Recipe(holdout=exam.holdout, seed=seed))
        begin = time.perf_counter()
        release = trained_release(exam, recipe, folder / f"ablation-{number}", console)
        _measure_release(exam, release, time.perf_counter() - begin).write(outcome)


def trained_release(
    exam: Exam, recipe: Recipe, out: Path, console: Console, see_ranker: SeeRanker | None = None
) -> Release:
    """Open the release at `out`, or train it first."""
    if not out.exists():
        with Stages(console) as stages, written_beside(out) as folder:
            write_release(exam.log, folder, recipe, stages, see_ranker)
    return Release.open(out)


def _compress(
    exam: Exam, recipe: Recipe, kept: Path, trained: TrainedRanker, learnt: Lists, aside: Lists, asked: Lists
) -> None:
    """Measure the variants of a ranker while its lists are at hand."""
    with tempfile.TemporaryDirectory() as scratch:
        measure_compression(
            trained,
            learnt,
            aside,
            asked,
            exam.split.catalogue,
            recipe.ranker,
            recipe.seed,
            recipe.towers.history_length,
            Path(scratch),
        ).write(kept)


def _measure_release(exam: Exam, release: Release, trained_s: float) -> Outcome:
    trial, again = exam.trial(), exam.trial(repurchases=True)
    about: dict[str, str | int | float] = {
        "release": release.id,
        "seed": release.manifest.seed,
        "seconds": round(trained_s),
        "peak_memory_bytes": peak_memory_bytes(),
        "machine": machine(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    models, repurchases = (
        measure_release(release, one, Ruler(one, release.directions(slice(None)))) for one in (trial, again)
    )
    ranked = models[TWO_STAGE]
    models[TWO_STAGE] = replace(ranked, quality=replace(ranked.quality, ece=calibration_error(release, trial)))
    return Outcome(
        about,
        models,
        repurchases,
        source_recalls=source_recalls(release, trial),
        new_items=new_item_quality(release, exam),
    )


def _measure_baselines(exam: Exam, release: Release, seed: int, console: Console) -> Outcome:
    trial, again = exam.trial(), exam.trial(repurchases=True)
    about: dict[str, str | int | float] = {
        "users": len(trial.test),
        "users_with_repurchases": len(again.test),
        "items": len(trial.past.vocabulary.ids),
        "unknown_users": trial.test.unknown_users,
        "unknown_items": trial.test.unknown_items,
        "cut": f"{datetime.fromtimestamp(trial.at_s, UTC):%Y-%m-%d}",
    }
    rulers = [Ruler(one, release.directions(slice(None))) for one in (trial, again)]
    models: dict[str, Measured] = {}
    repurchases: dict[str, Measured] = {}
    chosen: dict[str, str] = {}
    with Stages(console) as stages:
        for baseline in all_baselines(trial, exam.earlier, seed, stages):
            for ruler, measured in zip(rulers, (models, repurchases), strict=True):
                measured[baseline.name] = ruler.ask(baseline.recommender)
            chosen[baseline.name] = baseline.chosen
    return Outcome(about, models, repurchases, chosen)


def _goal_table(results: Mapping[str, ExamResults]) -> Table:
    table = Table("goal", "measured", "", title="Goals")
    for goal in goals(results):
        table.add_row(goal.wanted, goal.measured, goal.verdict.strip("*"))
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in dict.fromkeys(exam.dataset for exam in EXAMS):
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help="the raw log; without it, only what is kept")
    parser.add_argument("--exam", action="append", choices=[exam.name for exam in EXAMS], help="only this; repeat")
    parser.add_argument("--seeds", type=int, default=5, help="releases trained for each exam (default 5)")
    parser.add_argument("--ablation", action="store_true", help="also train releases that lack a part")
    parser.add_argument("--work", type=Path, default=Path("var/quality"), help="where results are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/quality.md"), help="the report; plots lie beside it")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds must be 1 or more, got {arguments.seeds}")
    return arguments


def main() -> int:
    """Measure what is asked for and not kept yet, then write the report of everything kept; 1 where an exam failed."""
    arguments, console, failed = _arguments(), Console(stderr=True), 0
    for exam in EXAMS:
        path = getattr(arguments, exam.dataset.replace("-", "_"))
        is_given = path is not None or exam.is_fetched
        if not is_given or (arguments.exam and exam.name not in arguments.exam):
            continue
        try:
            log = datasets.load(exam.dataset, path)
            seeds = range(1, arguments.seeds + 1)
            set_up, folder = exam.set_up(log), arguments.work / exam.name
            run_exam(exam.name, set_up, seeds, folder, console, exam.precision)
            if exam.has_ablation and arguments.ablation:
                run_ablation(set_up, seeds[0], folder, console)
        except InputError as error:
            failed = 1
            console.print(f"{exam.name}: {error}")
    results = {exam.name: found for exam in EXAMS if (found := ExamResults.read(arguments.work / exam.name))}
    write_report(results, arguments.out)
    console.print(_goal_table(results))
    kept = {exam.name: arguments.work / exam.name / COMPRESSION_NAME for exam in EXAMS}
    variants = {name: Compression.read(path) for name, path in kept.items() if path.exists()}
    if variants:
        write_compression_report(variants, arguments.out.with_name("compression.md"))
    console.print(f"{arguments.out}: {len(results)} of {len(EXAMS)} exams")
    return failed


if __name__ == "__main__":
    sys.exit(main())
