"""The quality gate: int8 is served only where it ranks as the float ranker does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shortlist.core.arrays import F32, Bool
from shortlist.core.errors import InputError
from shortlist.core.topk import top_k
from shortlist.core.types import PADDING_ROW
from shortlist.offline.ranker_lists import Lists
from shortlist.ranking.local import LocalRanker
from shortlist.release.manifest import ModelSpec
from shortlist.resilience.deadline import NEVER, Deadline

MOST_AUC_LOST = 0.002
LEAST_AGREEMENT = 0.95
_SHOWN = 20
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Quantization:
    """How an int8 ranker compares with the float one it was made of, on lists that neither was trained on."""

    fp32_bytes: int
    int8_bytes: int
    fp32_auc: float
    int8_auc: float
    top20_agreement: float

    def require(self) -> None:
        """Let a good enough ranker pass.

        Raises:
            InputError: it ranks worse than the gate allows.
        """
        lost = self.fp32_auc - self.int8_auc
        if lost > MOST_AUC_LOST or self.top20_agreement < LEAST_AGREEMENT:
            raise InputError(
                f"the int8 ranker is refused: it loses {lost:.4f} of AUC (at most {MOST_AUC_LOST}) and agrees on "
                f"{self.top20_agreement:.1%} of the top 20 (at least {LEAST_AGREEMENT:.0%}); --precision fp32 "
                "writes a release without it"
            )


def compare(folder: Path, fp32: ModelSpec, int8: ModelSpec, lists: Lists, history_length: int) -> Quantization:
    """Score the same lists with both rankers, as they are served."""
    scores = {spec.file: score_lists(folder, spec, lists, history_length) for spec in (fp32, int8)}
    held = lists.candidates.rows != PADDING_ROW
    tops = [top_k(scored, held, _SHOWN)[0] for scored in scores.values()]
    agreement = [len(np.intersect1d(*pair)) / len(pair[0]) for pair in zip(*tops, strict=True)]
    return Quantization(
        fp32_bytes=(folder / fp32.file).stat().st_size,
        int8_bytes=(folder / int8.file).stat().st_size,
        fp32_auc=mean_auc(scores[fp32.file], lists.labels, held),
        int8_auc=mean_auc(scores[int8.file], lists.labels, held),
        top20_agreement=float(np.mean(agreement)),
    )


def score_lists(folder: Path, spec: ModelSpec, lists: Lists, history_length: int) -> F32:
    """Score lists with an exported ranker, (n, N)."""
    ranker = LocalRanker(folder / spec.file, spec)
    parts = []
    for start in range(0, len(lists), _BATCH):
        tensors = lists.take(slice(start, start + _BATCH)).tensors(history_length)
        parts.append(ranker.score({name: tensor.numpy() for name, tensor in tensors.items()}, Deadline(NEVER)))
    return np.concatenate(parts)


def mean_auc(scores: F32, labels: Bool, held: Bool) -> float:
    """Average over lists how often something bought is scored above something not bought; ties count half.

    Lists in which nothing, or everything, was bought are left out.
    """
    areas = [_auc(scored[kept], bought[kept]) for scored, bought, kept in zip(scores, labels, held, strict=True)]
    return float(np.nanmean(areas)) if areas else float("nan")


def _auc(scores: F32, labels: Bool) -> float:
    bought, rest = scores[labels], scores[~labels]
    if not len(bought) or not len(rest):
        return float("nan")
    difference = bought[:, None] - rest[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def calibration_batches(lists: Lists, history_length: int, size: int = 16, most: int = 32) -> Sequence[dict[str, F32]]:
    """Cut lists into the batches that quantization is calibrated on."""
    starts = range(0, min(len(lists), size * most), size)
    parts = [lists.take(slice(start, start + size)).tensors(history_length) for start in starts]
    return [{name: tensor.numpy() for name, tensor in part.items()} for part in parts]
