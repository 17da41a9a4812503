"""Rankers side by side on the same requests: what each ranks differently from the first, and how fast each is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shortlist.core.arrays import F32, F64, I64, AnyArray, Bool
from shortlist.core.topk import top_k
from shortlist.core.types import PADDING_ROW
from shortlist.offline.metrics import Interval, paired_difference
from shortlist.offline.ranker_lists import Lists
from shortlist.ranking.local import LocalRanker
from shortlist.release.manifest import ModelSpec
from shortlist.resilience.deadline import NEVER, Deadline

TIMED_BATCHES = (1, 32)
_SHOWN = 20
_BATCH = 64
_SEED = 7
_ROUNDS = {1: 200, 32: 40}  # 0.2 and 5 ms a run: under a second for each ranker


@dataclass(frozen=True, slots=True)
class Compared:
    """A ranker next to the reference.

    Args:
        size_bytes: Of its file.
        auc: Averaged over the labelled requests.
        auc_gain: Over the reference's, in pairs by request.
        auc_requests: How many of them have a positive and a negative among their candidates.
        top20_agreement: Share of the reference's 20 best that are among its own 20 best, averaged over requests.
        agreement_requests: How many of them have more than 20 candidates; with fewer any two rankers agree.
        microseconds: Median time of a batch, on one thread, by number of requests in it.
    """

    size_bytes: int
    auc: float
    auc_gain: Interval
    auc_requests: int
    top20_agreement: float
    agreement_requests: int
    microseconds: Mapping[int, float]


def compare_rankers(
    folder: Path, specs: Mapping[str, ModelSpec], labelled: Lists, asked: Lists, history_length: int
) -> dict[str, Compared]:
    """Compare exported rankers, run as they are served, with the first of them.

    Args:
        folder: Where their files lie.
        specs: By name; the first is the reference.
        labelled: Requests for the AUC.
        asked: Requests for the agreement, which needs no labels, and for the times.
        history_length: What the rankers look back at.
    """
    areas = {
        name: aucs(score_lists(folder, spec, labelled, history_length), labelled.labels, held_in(labelled))
        for name, spec in specs.items()
    }
    held = held_in(asked)
    tops = {name: top_of(score_lists(folder, spec, asked, history_length), held) for name, spec in specs.items()}
    times = median_times(folder, specs, asked, history_length)
    reference = next(iter(specs))
    is_choice = held.sum(axis=1) > _SHOWN
    return {
        name: Compared(
            size_bytes=(folder / spec.file).stat().st_size,
            auc=_mean(areas[name]),
            auc_gain=paired_difference(areas[name], areas[reference], _SEED),
            auc_requests=int(np.isfinite(areas[name]).sum()),
            top20_agreement=_mean((tops[name] & tops[reference]).sum(axis=1)[is_choice] / _SHOWN),
            agreement_requests=int(is_choice.sum()),
            microseconds=times[name],
        )
        for name, spec in specs.items()
    }


def held_in(lists: Lists) -> Bool:
    """Tell where lists hold a candidate rather than padding, (n, N)."""
    held: Bool = lists.candidates.rows != PADDING_ROW
    return held


def top_of(scores: F32, held: Bool) -> Bool:
    """Mark each list's 20 best candidates, (n, N)."""
    columns, counts = top_k(scores, held, _SHOWN)
    marked: Bool = np.zeros(held.shape, np.bool_)
    np.put_along_axis(marked, columns, np.arange(columns.shape[1]) < counts[:, None], axis=1)
    return marked


def score_lists(folder: Path, spec: ModelSpec, lists: Lists, history_length: int) -> F32:
    """Score lists with an exported ranker, (n, N)."""
    ranker = LocalRanker(folder / spec.file, spec)
    parts = [
        ranker.score(arrays_of(lists.take(slice(start, start + _BATCH)), history_length), Deadline(NEVER))
        for start in range(0, len(lists), _BATCH)
    ]
    return np.concatenate(parts)


def arrays_of(lists: Lists, history_length: int) -> dict[str, AnyArray]:
    """Give the ranker's inputs as it is served them."""
    return {name: tensor.numpy() for name, tensor in lists.tensors(history_length).items()}


def median_times(
    folder: Path, specs: Mapping[str, ModelSpec], lists: Lists, history_length: int
) -> dict[str, dict[int, float]]:
    """Time batches in microseconds; rankers take turns, so that a busy moment of the machine meets all of them."""
    rankers = {name: LocalRanker(folder / spec.file, spec) for name, spec in specs.items()}
    times: dict[str, dict[int, float]] = {name: {} for name in rankers}
    for batch in TIMED_BATCHES:
        picked: I64 = np.arange(batch) % len(lists)
        arrays = arrays_of(lists.take(picked), history_length)
        runs: dict[str, list[float]] = {name: [] for name in rankers}
        for _ in range(_ROUNDS[batch]):
            for name, ranker in rankers.items():
                ranker.score(arrays, Deadline(NEVER))  # what the one before left in the caches is no part of it
                begin = time.perf_counter()
                ranker.score(arrays, Deadline(NEVER))
                runs[name].append(time.perf_counter() - begin)
        for name, seconds in runs.items():
            times[name][batch] = round(float(np.median(seconds)) * 1e6, 1)
    return times


def aucs(scores: F32, labels: Bool, held: Bool) -> F64:
    """Compute for each list how often something bought is scored above something not bought; ties count half.

    NaN for a list in which nothing, or everything, was bought.
    """
    areas = [_auc(scored[kept], bought[kept]) for scored, bought, kept in zip(scores, labels, held, strict=True)]
    return np.array(areas, np.float64)


def mean_auc(scores: F32, labels: Bool, held: Bool) -> float:
    """Average `aucs` over the lists that have one."""
    return _mean(aucs(scores, labels, held))


def _auc(scores: F32, labels: Bool) -> float:
    bought, rest = scores[labels], scores[~labels]
    if not len(bought) or not len(rest):
        return float("nan")
    difference = bought[:, None] - rest[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def _mean(values: F64) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")
