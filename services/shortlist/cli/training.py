"""`shortlist train` and `shortlist evaluate`: from a log to a release, and how good it is."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from shortlist.release.manifest import Precision


def train(
    dataset: Annotated[str, typer.Option(help="Name of the dataset adapter, such as online-retail.")],
    out: Annotated[Path, typer.Option(help="Directory of the new release; must not exist.")],
    *,
    path: Annotated[Path | None, typer.Option(help="Where the raw log lies.")] = None,
    holdout: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of the newest events kept for the test.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    precision: Annotated[Precision, typer.Option(help="fp32 is the way out where the gate refuses int8.")] = "int8",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="auto is CUDA where there is one.")] = "auto",
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder to keep the towers' training in; the same command goes on from there.")
    ] = None,
) -> None:
    """Turn a raw behaviour log into a verified release."""
    from shortlist.offline.build import train as run

    run(
        dataset,
        path,
        out,
        holdout=holdout,
        seed=seed,
        precision=precision,
        device=device,
        checkpoints=checkpoints,
    )


def evaluate(
    release: Path,
    *,
    dataset: Annotated[str, typer.Option(help="Name of the dataset adapter.")],
    path: Annotated[Path | None, typer.Option(help="Where the raw log lies.")] = None,
) -> None:
    """Measure a release on the part of the log that it has not seen, next to baselines."""
    from shortlist.offline.evaluate import evaluate as run

    run(release, dataset, path)
