"""A filtered search by any plan: only kept rows, no row twice, best first, and full where enough are kept."""

from functools import cache
from typing import get_args

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.arrays import I32
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.retrieval import cpu
from shortlist.retrieval import kept as kept_rows
from shortlist.retrieval.cpu import CpuIndex
from shortlist.retrieval.gpu import GpuIndex
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.plan import Plan, Reach, Route, plan_search
from shortlist.retrieval.port import ItemIndex
from support.vectors import DIMENSION, towers

ITEMS = 2000
EMBEDDINGS, QUERIES = towers(ITEMS, users=40)
VECTORS = EMBEDDINGS[FIRST_ITEM_ROW:].astype(np.float32)
KINDS = ("Flat", "SQfp16", "IVF32,SQfp16", "IVF32,SQ8", "HNSW16,SQfp16")
SHARES = (0.001, 0.01, 0.1, 0.5, 0.9)


@cache
def filled(kind: str) -> faiss.Index:
    """Make an index that searches few of its lists."""
    index = faiss.index_factory(DIMENSION, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(VECTORS)
    index.add(VECTORS)
    return index


def keeping(share: float, seed: int, *, follows_vectors: bool) -> Kept:
    """Draw a filter; one that follows the vectors keeps those farthest in a direction of theirs."""
    generator = np.random.default_rng(seed)
    by = VECTORS @ QUERIES[seed % len(QUERIES)] if follows_vectors else generator.random(ITEMS)
    mask = np.zeros(FIRST_ITEM_ROW + ITEMS, np.bool_)
    mask[FIRST_ITEM_ROW:] = np.argsort(np.argsort(by)) < share * ITEMS
    return Kept(mask, EMBEDDINGS)


def check(index: ItemIndex, kept: Kept, k: int) -> None:
    """Check the lists of some queries."""
    found = index.search(QUERIES[:4], k, kept)
    assert found.rows.shape == found.scores.shape == (4, k)
    full = min(k, kept.count)
    for rows, scores in zip(found.rows, found.scores, strict=True):
        assert kept.mask[rows[:full]].all()
        assert len(np.unique(rows[:full])) == full
        assert (np.diff(scores[:full]) <= 0).all()
        assert not rows[full:].any()


@pytest.mark.parametrize("route", get_args(Route))
@pytest.mark.parametrize("kind", KINDS)
@given(
    share=st.sampled_from(SHARES),
    seed=st.integers(0, 99),
    k=st.integers(1, 300),
    lists=st.floats(1.0, 4.0),
    follows_vectors=st.booleans(),
)
def test_by_any_way_lists_hold_what_is_kept_once_best_first_and_are_full(
    kind: str, route: Route, share: float, seed: int, k: int, lists: float, follows_vectors: bool
) -> None:
    def forced(items: int, kept: int, k: int, *_: object, **__: object) -> Plan:
        return Plan(route, lists, min(items, k * items // max(kept, 1)))

    with pytest.MonkeyPatch.context() as patch:
        if route != "selector" or "HNSW" not in kind:  # a graph takes no selector: there the plan stands
            patch.setattr(cpu, "plan_search", forced)
        check(CpuIndex(filled(kind)), keeping(share, seed, follows_vectors=follows_vectors), k)


class Device:
    """A device index, played by one on the CPU."""

    def __init__(self, index: faiss.Index) -> None:
        self.search = index.search


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", KINDS[:4])
def test_as_planned_too_on_a_device_as_well(monkeypatch: pytest.MonkeyPatch, kind: str, share: float) -> None:
    monkeypatch.setattr(kept_rows, "GATHERED_BYTES", 0)
    device = GpuIndex(filled(kind), Device)
    for index in (CpuIndex(filled(kind)), device):
        for follows_vectors in (False, True):
            check(index, keeping(share, 5, follows_vectors=follows_vectors), 200)
    device.close()


@pytest.mark.parametrize("follows_vectors", [False, True])
@pytest.mark.parametrize("share", SHARES)
def test_filtered_lists_are_as_complete_as_unfiltered_ones(
    monkeypatch: pytest.MonkeyPatch, share: float, *, follows_vectors: bool
) -> None:
    monkeypatch.setattr(kept_rows, "GATHERED_BYTES", 0)
    index, k = faiss.clone_index(filled("IVF32,SQfp16")), 100
    index.nprobe = 12
    served = CpuIndex(index)
    kept = keeping(share, 5, follows_vectors=follows_vectors)
    everything = Kept(np.arange(len(EMBEDDINGS)) >= FIRST_ITEM_ROW, EMBEDDINGS)

    def recall(among: Kept, found: I32) -> float:
        exact = among.search(QUERIES, k).rows
        wanted = min(k, among.count)
        return float(np.mean([len(np.intersect1d(*pair)) / wanted for pair in zip(found, exact, strict=True)]))

    plan = plan_search(ITEMS, kept.count, k, Reach(12 / 32, ITEMS), is_gatherable=False)
    assert plan.route == ("selector" if share >= 0.1 else "exact")
    unfiltered = recall(everything, served.search(QUERIES, k).rows)
    assert 0.9 < unfiltered < 0.99
    assert recall(kept, served.search(QUERIES, k, kept).rows) >= unfiltered - 0.002  # two standard errors
