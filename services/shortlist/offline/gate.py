"""The quality gate: int8 is served only where it ranks as the float ranker does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shortlist.core.arrays import AnyArray
from shortlist.core.errors import InputError
from shortlist.offline.interactions import Interactions
from shortlist.offline.machine import has_vnni
from shortlist.offline.ranker_comparison import arrays_of, compare_rankers
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.requests import all_users_at, bought_before
from shortlist.offline.sources import FittedSources
from shortlist.release.catalogue import Catalogue
from shortlist.release.manifest import ModelSpec

MOST_AUC_LOST = 0.002
LEAST_AGREEMENT = 0.95
MOST_ASKED = 2_000
"""Requests for the agreement: its standard error is under 0.1 % from 1,000 on."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """How an int8 ranker compares with the float one it was made of, on requests that neither was trained on.

    The AUC is averaged over the labelled requests; its gain (int8 over float) has a 95 % interval of a bootstrap in
    pairs. Times are medians in microseconds of batches of 1 and 32 on one thread: they are told, and decide nothing.
    """

    fp32_bytes: int
    int8_bytes: int
    fp32_auc: float
    int8_auc: float
    auc_gain_low: float
    auc_gain_high: float
    auc_requests: int
    top20_agreement: float
    agreement_requests: int
    fp32_us_of_1: float
    int8_us_of_1: float
    fp32_us_of_32: float
    int8_us_of_32: float
    has_avx512_vnni: bool

    def require(self) -> None:
        """Let a good enough ranker pass.

        Raises:
            InputError: it ranks worse than the gate allows, or there was nothing to tell by.
        """
        lost = self.fp32_auc - self.int8_auc
        if not (lost <= MOST_AUC_LOST and self.top20_agreement >= LEAST_AGREEMENT):  # so written, NaN is refused
            raise InputError(
                f"the int8 ranker is refused: it loses {lost:.4f} of AUC (at most {MOST_AUC_LOST}, on "
                f"{self.auc_requests:,} requests) and agrees on {self.top20_agreement:.1%} of the top 20 (at least "
                f"{LEAST_AGREEMENT:.0%}, on {self.agreement_requests:,} requests); --precision fp32 writes a release "
                "without it"
            )


def compare(
    folder: Path, fp32: ModelSpec, int8: ModelSpec, labelled: Lists, history_length: int, asked: Lists
) -> Quantization:
    """Compare both rankers, as they are served.

    Args:
        folder: Where their files lie.
        fp32: The float ranker.
        int8: The one made of it.
        labelled: Held-out requests, for the AUC.
        history_length: What the rankers look back at.
        asked: Requests that nothing was learnt from, for agreement and times.
    """
    specs = {"fp32": fp32, "int8": int8}
    both = compare_rankers(folder, specs, labelled, asked, history_length)
    ours, theirs = both["int8"], both["fp32"]
    return Quantization(
        fp32_bytes=theirs.size_bytes,
        int8_bytes=ours.size_bytes,
        fp32_auc=theirs.auc,
        int8_auc=ours.auc,
        auc_gain_low=ours.auc_gain.low,
        auc_gain_high=ours.auc_gain.high,
        auc_requests=ours.auc_requests,
        top20_agreement=ours.top20_agreement,
        agreement_requests=ours.agreement_requests,
        fp32_us_of_1=theirs.microseconds[1],
        int8_us_of_1=ours.microseconds[1],
        fp32_us_of_32=theirs.microseconds[32],
        int8_us_of_32=ours.microseconds[32],
        has_avx512_vnni=has_vnni(),
    )


def asked_at(
    interactions: Interactions, catalogue: Catalogue, sources: FittedSources, random: np.random.Generator
) -> Lists:
    """Retrieve for users drawn at random, at most `MOST_ASKED`, as they would be served by sources; without labels.

    From the sources of a release these are the first requests it will get, and nothing it learnt from reaches as far.
    """
    requests = all_users_at(interactions, sources.at_s)
    requests = requests.take(np.sort(random.permutation(len(requests))[:MOST_ASKED]))
    candidates = sources.retriever().candidates(requests, bought_before(interactions, requests))
    return Lists.of(requests, candidates, sources.items, catalogue)


def calibration_batches(
    lists: Lists, history_length: int, size: int = 16, most: int = 32
) -> Sequence[dict[str, AnyArray]]:
    """Cut lists into the batches that quantization is calibrated on."""
    starts = range(0, min(len(lists), size * most), size)
    return [arrays_of(lists.take(slice(start, start + size)), history_length) for start in starts]
