"""`shortlist evaluate`: a release on the part of the log that it has not seen."""

from pathlib import Path

from rich.console import Console

from shortlist.offline import datasets
from shortlist.offline.measure import Quality, measure
from shortlist.offline.report import quality_table
from shortlist.offline.splits import TRAIN_SHARE, Split
from shortlist.release.bundle import Release


def evaluate(release_path: Path, dataset: str, path: Path | None, console: Console | None = None) -> dict[str, Quality]:
    """Measure a release against the newest fifth of the log; print the table, and give it by model.

    Raises:
        InputError: the log cannot be read, or the release saw what it would be tested on.
        ReleaseRefusedError: the release is damaged.
    """
    release = Release.open(release_path)
    measured = measure(release, Split.of(datasets.load(dataset, path), 1.0 - TRAIN_SHARE))
    (console or Console()).print(quality_table(measured, f"{release.id}, new items only"))
    return measured
