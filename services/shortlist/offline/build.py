"""Raw log to release: every step of training, in order."""

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from shortlist.core.errors import InputError
from shortlist.features.encode import USER_DENSE
from shortlist.offline import datasets
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.gate import Quantization, asked_at, calibration_batches, compare
from shortlist.offline.log import BehaviourLog
from shortlist.offline.measure import Quality, measure
from shortlist.offline.progress import Stages
from shortlist.offline.protocol import TestSet, Trial
from shortlist.offline.quantize import quantize
from shortlist.offline.ranker_lists import OPEN_AXES, Lists, joined
from shortlist.offline.ranker_training import RankerSettings, TrainedRanker, train_ranker
from shortlist.offline.report import Report, print_report, report_of
from shortlist.offline.report_examples import Example, examples_of
from shortlist.offline.report_page import PAGE_NAME, write_page
from shortlist.offline.requests import histories_at
from shortlist.offline.retriever import CANDIDATES
from shortlist.offline.sources import SOURCE_NAMES, FittedSources, fit_sources
from shortlist.offline.splits import TRAIN_SHARE, Split
from shortlist.offline.tower_training import TowerSettings
from shortlist.offline.trend_choice import choose_trend
from shortlist.offline.trending_lists import NEIGHBOURS, Trend
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import RANKER_NAMES, REPORT_NAME, Release, seal, write_arrays, written_beside
from shortlist.release.manifest import FeatureSchema, Manifest, Precision, RankerSpec, TensorSpec

_THREADS = 2
_HELD_OUT = 0.1
"""Share of the ranker's lists that only the quality gate sees."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a release is trained."""

    holdout: float = 0.2
    seed: int = 7
    precision: Precision = "int8"
    towers: TowerSettings = field(default_factory=TowerSettings)
    ranker: RankerSettings = field(default_factory=RankerSettings)


def train(
    dataset: str,
    path: Path | None,
    out: Path,
    *,
    holdout: float = 0.2,
    seed: int = 7,
    precision: Precision = "int8",
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
        progress: Whether anything is shown.

    Raises:
        InputError: a sentence for the user: about the log, an option, or the int8 ranker's quality.
    """
    if precision not in RANKER_NAMES:
        raise InputError(f"--precision must be one of {', '.join(RANKER_NAMES)}, got {precision!r}")
    if not 0.0 <= holdout < 1.0:
        raise InputError(f"--holdout must be from 0 to below 1, got {holdout}")
    console = Console() if progress else None
    with Stages(console) as stages, written_beside(out) as folder:
        with stages.stage("read and clean the log"):
            log = datasets.load(dataset, path)
        report = write_release(log, folder, Recipe(holdout, seed, precision), stages)
    if console is not None:
        print_report(report, console)
    return out


def write_release(log: BehaviourLog, folder: Path, recipe: Recipe, stages: Stages) -> Report:
    """Train on a log and write a sealed release into a folder; give its report."""
    torch.set_num_threads(_THREADS)
    split = Split.of(log, recipe.holdout)
    with stages.stage("trend of the neighbour lists"):
        trend, trends = choose_trend(split.interactions, split.label_cuts[0], split.horizon_s, NEIGHBOURS)
    lists = _lists(split, recipe, trend, stages)
    learnt, aside = lists.split(_HELD_OUT, np.random.default_rng(recipe.seed))
    with stages.stage("ranker", recipe.ranker.steps) as advance:
        trained = train_ranker(
            learnt, split.catalogue, recipe.towers.history_length, recipe.ranker, recipe.seed, advance
        )
    sources = _fit(split, split.cut_s, folder, recipe, trend, stages)
    with stages.stage("export and quantize"):
        random = np.random.default_rng(recipe.seed)
        asked = asked_at(split.interactions, sources.retriever(), sources.items, split.cut_s, random)
        ranker, quantization = _write_ranker(trained, learnt, aside, asked, recipe, folder)
    users = histories_at(split.interactions, split.cut_s)
    write_arrays(folder, split.interactions.vocabulary, split.catalogue, sources.items, users)
    manifest = seal(folder, _manifest(split, recipe, sources, ranker, folder))
    release = Release.open(folder)
    measured: dict[str, Quality] = {}
    examples: tuple[Example, ...] = ()
    if abs(recipe.holdout - (1.0 - TRAIN_SHARE)) < 1e-9:
        with stages.stage("measure"):
            measured = measure(release, split)
            test = TestSet.build(split.interactions, split.later)
            examples = examples_of(release, Trial(split.interactions, split.cut_s, test))
    report = report_of(
        split,
        len(lists),
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


def _lists(split: Split, recipe: Recipe, trend: Trend, stages: Stages) -> Lists:
    """Make the ranker's lists at each moment, from sources that know nothing later."""
    parts = []
    for at_s in split.label_cuts:
        with tempfile.TemporaryDirectory() as scratch:
            sources = _fit(split, at_s, Path(scratch), recipe, trend, stages)
            parts.append(Lists.at(split.interactions, sources, split.horizon_s))
    return joined(parts)


def _fit(split: Split, at_s: int, folder: Path, recipe: Recipe, trend: Trend, stages: Stages) -> FittedSources:
    day = f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"
    with stages.stage(f"sources before {day}", recipe.towers.epochs) as advance:
        return fit_sources(
            split.interactions, split.catalogue, at_s, folder, recipe.towers, recipe.seed, trend, advance
        )


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
        candidates=CANDIDATES,
        exclude_seen=True,
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
