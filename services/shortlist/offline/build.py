"""Raw log to release: every step of training, in order."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from shortlist.core.errors import InputError
from shortlist.features.encode import USER_DENSE
from shortlist.offline import datasets
from shortlist.offline.bought import buy_again
from shortlist.offline.calibration import calibrate
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.devices import DeviceName, choose_device
from shortlist.offline.distil import steps_of, train_from_teachers
from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.gate import Quantization, asked_at, calibration_batches, compare
from shortlist.offline.label_lists import fit_at, label_lists
from shortlist.offline.log import BehaviourLog
from shortlist.offline.measure import Quality, measure
from shortlist.offline.progress import Stages
from shortlist.offline.protocol import Trial
from shortlist.offline.quantize import quantize
from shortlist.offline.ranker_lists import OPEN_AXES, Lists
from shortlist.offline.ranker_training import TrainedRanker, settled
from shortlist.offline.recipe import Recipe
from shortlist.offline.report import Report, print_report, report_of
from shortlist.offline.report_examples import Example, examples_of
from shortlist.offline.report_page import PAGE_NAME, write_page
from shortlist.offline.requests import histories_at
from shortlist.offline.retriever import CANDIDATES
from shortlist.offline.sources import SOURCE_NAMES, FittedSources
from shortlist.offline.splits import TRAIN_SHARE, Split
from shortlist.offline.trend_choice import choose_trend
from shortlist.offline.trending_lists import NEIGHBOURS
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import RANKER_NAMES, REPORT_NAME, Release, seal, write_arrays, written_beside
from shortlist.release.manifest import FeatureSchema, Manifest, Precision, RankerSpec, TensorSpec

_THREADS = 2
_HELD_OUT = 0.1
"""Share of the ranker's lists that only the quality gate sees."""

SeeRanker = Callable[[TrainedRanker, Lists, Lists, Lists], None]


def train(
    dataset: str,
    path: Path | None,
    out: Path,
    *,
    holdout: float = 0.2,
    seed: int = 7,
    precision: Precision = "int8",
    device: DeviceName = "auto",
    checkpoints: Path | None = None,
    progress: bool = True,
) -> Path:
    """Train a release on a raw log, with progress bars and a summary.

    Args:
        dataset: Name of the dataset adapter.
        path: The raw log; None where the adapter fetches it.
        out: The release's directory; must not exist.
        holdout: Share of the newest events that nothing is trained on; 0 trains on all and measures nothing.
        seed: One seed gives one release on one machine.
        precision: What the ranker that is served is made of.
        device: What the models are trained on; `auto` is CUDA where there is one. It has not been run on CUDA.
        checkpoints: Folder of the towers' states; the same command goes on from there after an interrupt.
        progress: Whether anything is shown.

    Raises:
        InputError: a sentence for the user: about the log, an option, or the int8 ranker's quality.
    """
    if precision not in RANKER_NAMES:
        raise InputError(f"--precision must be one of {', '.join(RANKER_NAMES)}, got {precision!r}")
    if not 0.0 <= holdout < 1.0:
        raise InputError(f"--holdout must be from 0 to below 1, got {holdout}")
    recipe = Recipe(holdout, seed, precision, choose_device(device), checkpoints)
    console = Console() if progress else None
    with Stages(console) as stages, written_beside(out) as folder:
        with stages.stage("read and clean the log"):
            log = datasets.load(dataset, path)
        report = write_release(log, folder, recipe, stages)
    if console is not None:
        print_report(report, console)
    return out


def write_release(
    log: BehaviourLog, folder: Path, recipe: Recipe, stages: Stages, see_ranker: SeeRanker | None = None
) -> Report:
    """Train on a log and write a sealed release into a folder; give its report.

    Args:
        log: The log.
        folder: Empty.
        recipe: How.
        stages: Where progress is shown.
        see_ranker: Called with the trained ranker, the lists it learnt from, those set aside, and requests to come.
    """
    torch.set_num_threads(_THREADS)
    split = Split.of(log, recipe.holdout)
    with stages.stage("trend of the neighbour lists"):
        trend, trends = choose_trend(split.interactions, split.label_cuts[0], split.horizon_s, NEIGHBOURS)
    lists = label_lists(split, recipe, trend, stages)
    learnt, aside = lists.split(_HELD_OUT, np.random.default_rng(recipe.seed))
    learnt = learnt.teaching()
    ranker_settings = settled(recipe.ranker, has_ratings=split.train.has_ratings)
    with stages.stage("ranker", steps_of(ranker_settings)) as advance:
        trained = train_from_teachers(
            learnt,
            split.catalogue,
            recipe.towers.history_length,
            ranker_settings,
            recipe.seed,
            advance,
            choose_device(recipe.device),
        )
        calibrate(trained.ranker, aside, recipe.towers.history_length)
    sources = fit_at(split, split.interactions, split.cut_s, folder, recipe, trend, stages)
    with stages.stage("export and quantize"):
        random = np.random.default_rng(recipe.seed)
        asked = asked_at(split.interactions, split.catalogue, sources, random)
        ranker, quantization = _write_ranker(trained, learnt, aside, asked, recipe, folder)
        if see_ranker is not None:
            see_ranker(trained, learnt, aside, asked)
    users = histories_at(split.interactions, split.cut_s)
    write_arrays(folder, split.interactions.vocabulary, split.catalogue, sources.items, users)
    manifest = seal(folder, _manifest(split, recipe, sources, ranker, folder))
    release = Release.open(folder)
    measured: dict[str, Quality] = {}
    examples: tuple[Example, ...] = ()
    if abs(recipe.holdout - (1.0 - TRAIN_SHARE)) < 1e-9:
        with stages.stage("measure"):
            trial = Trial.after(split.interactions, split.cut_s, split.later)
            measured, examples = measure(release, trial), examples_of(release, trial)
    report = report_of(
        split,
        len(lists.teaching()),
        [{**asdict(tried), "ndcg_at_10": ndcg, "chosen": tried == trend} for tried, ndcg in trends.items()],
        sources.curve,
        sources.index_curve,
        trained.curve,
        quantization,
        measured,
        stages.seconds,
    )
    (folder / REPORT_NAME).write_text(json.dumps(report, indent=2) + "\n")
    write_page(release, report, examples, folder / PAGE_NAME)
    seal(folder, manifest)
    return report


def _write_ranker(
    trained: TrainedRanker, learnt: Lists, aside: Lists, asked: Lists, recipe: Recipe, folder: Path
) -> tuple[RankerSpec, Quantization | None]:
    """Export the ranker and, for int8, quantize it and let it pass the gate."""
    length = recipe.towers.history_length
    inputs = learnt.take(slice(2)).tensors(length)
    export_onnx(trained.ranker, inputs, "score", folder / RANKER_NAMES["fp32"], OPEN_AXES)
    fp32, int8 = (
        RankerSpec(
            file=RANKER_NAMES[precision],
            precision=precision,
            inputs=tensor_specs(inputs, OPEN_AXES),
            output=TensorSpec(name="score", dtype="float32", shape=(-1,)),
        )
        for precision in ("fp32", "int8")
    )
    if recipe.precision == "fp32":
        return fp32, None
    quantize(folder / fp32.file, folder / int8.file, calibration_batches(learnt, length))
    quantization = compare(folder, fp32, int8, aside, length, asked)
    quantization.require()
    return int8, quantization


def _manifest(split: Split, recipe: Recipe, sources: FittedSources, ranker: RankerSpec, folder: Path) -> Manifest:
    until = datetime.fromtimestamp(split.cut_s, UTC)
    return Manifest(
        id=f"{split.train.dataset}-{until:%Y%m%d}-{_fingerprint(folder)}",
        created=datetime.now(UTC),
        dataset=split.train.dataset,
        seed=recipe.seed,
        trained_until=until,
        item_count=len(split.interactions.vocabulary.ids),
        embedding_dimension=recipe.towers.dimension,
        has_item_bias=True,
        has_content_map=True,
        candidates=CANDIDATES,
        exclude_seen=not buy_again(split.interactions),
        features=FeatureSchema(
            history_length=recipe.towers.history_length,
            user_dense=USER_DENSE,
            item_columns=ITEM_COLUMNS,
            sources=SOURCE_NAMES,
            candidate_dense=candidate_dense_names(SOURCE_NAMES, ITEM_COLUMNS),
        ),
        query_tower=sources.query_tower,
        ranker=ranker,
        notes=split.train.notes,
        files={},
    )


def _fingerprint(folder: Path) -> str:
    """Name the content of all files in six digits."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:6]
