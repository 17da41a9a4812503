"""`make quality`: train and measure releases on real logs, several seeds each, and write docs/quality.md.

Takes hours. Everything measured is kept in a work folder and not measured again, so a run may be interrupted, and each
exam be run alone.
"""

import argparse
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from shortlist.core.errors import InputError
from shortlist.offline import datasets
from shortlist.offline.baseline_set import all_baselines
from shortlist.offline.build import Recipe, write_release
from shortlist.offline.exams import EXAMS, Exam
from shortlist.offline.measure import Measured, Ruler, measure_release
from shortlist.offline.progress import Stages
from shortlist.offline.quality_report import write_report
from shortlist.offline.quality_results import BASELINES_NAME, ExamResults, Outcome
from shortlist.offline.report import peak_memory_bytes
from shortlist.offline.source_recall import source_recalls
from shortlist.release.bundle import Release, written_beside


def run_exam(name: str, exam: Exam, seeds: range, folder: Path, console: Console) -> None:
    """Measure what the folder does not hold yet: a release for each seed, and the baselines.

    Args:
        name: Of the exam, for what is shown.
        exam: What is measured.
        seeds: Of the releases.
        folder: Where outcomes and releases are kept.
        console: Where progress is shown.

    Raises:
        InputError: a release cannot be trained.
    """
    for seed in seeds:
        outcome = folder / f"seed-{seed}.json"
        if outcome.exists():
            continue
        console.print(f"{name}, seed {seed}")
        begin = time.perf_counter()
        release = _trained(exam, seed, folder / f"release-{seed}", console)
        trained_s = time.perf_counter() - begin
        _measure_release(exam, release, trained_s).write(outcome)
    if not (folder / BASELINES_NAME).exists():
        console.print(f"{name}, baselines")
        _measure_baselines(exam, Release.open(folder / f"release-{seeds[0]}"), seeds[0], console).write(
            folder / BASELINES_NAME
        )


def _trained(exam: Exam, seed: int, out: Path, console: Console) -> Release:
    if not out.exists():
        with Stages(console) as stages, written_beside(out) as folder:
            write_release(exam.log, folder, Recipe(holdout=exam.holdout, seed=seed), stages)
    return Release.open(out)


def _measure_release(exam: Exam, release: Release, trained_s: float) -> Outcome:
    trial, again = exam.trial(), exam.trial(repurchases=True)
    about: dict[str, str | int | float] = {
        "release": release.id,
        "seed": release.manifest.seed,
        "seconds": round(trained_s),
        "peak_memory_bytes": peak_memory_bytes(),
        "machine": _machine(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    return Outcome(
        about,
        measure_release(release, trial),
        measure_release(release, again),
        source_recalls=source_recalls(release, trial),
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


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in dict.fromkeys(exam.dataset for exam in EXAMS):
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help="the raw log; without it, only what is kept")
    parser.add_argument("--exam", action="append", choices=[exam.name for exam in EXAMS], help="only this; repeat")
    parser.add_argument("--seeds", type=int, default=5, help="releases trained for each exam (default 5)")
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
            run_exam(exam.name, exam.set_up(log), seeds, arguments.work / exam.name, console)
        except InputError as error:
            failed = 1
            console.print(f"{exam.name}: {error}")
    results = {exam.name: found for exam in EXAMS if (found := ExamResults.read(arguments.work / exam.name))}
    write_report(results, arguments.out)
    console.print(f"{arguments.out}: {len(results)} of {len(EXAMS)} exams")
    return failed


if __name__ == "__main__":
    sys.exit(main())
