import faiss
import numpy as np
import pytest

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.index_settings import apply, current, ladder, settings_of
from support.vectors import DIMENSION, towers

VECTORS = towers(800, users=1)[0][FIRST_ITEM_ROW:].astype(np.float32)


def filled(kind: str) -> faiss.Index:
    """Make an index."""
    index = faiss.index_factory(DIMENSION, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(VECTORS)
    index.add(VECTORS)
    return index


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("IVF8,SQfp16", {"nprobe"}),
        ("OPQ16,IVF8,SQfp16", {"nprobe"}),
        ("HNSW8,SQfp16", {"efSearch"}),
        ("IVF8,PQ16x4fs,Refine(SQfp16)", {"nprobe", "k_factor_rf"}),
        ("PQ16x4fs,Refine(SQfp16)", {"k_factor_rf"}),
    ],
)
def test_each_kind_has_its_parameters_and_is_set_by_them(kind: str, names: set[str]) -> None:
    index = filled(kind)
    settings = list(settings_of(index))
    assert {name for setting in settings for name in setting} == names
    for setting in (settings[0], settings[-1]):
        apply(index, setting)
        assert current(index) == setting


@pytest.mark.parametrize("kind", ["Flat", "SQfp16"])
def test_a_scan_has_nothing_to_set(kind: str) -> None:
    assert list(settings_of(filled(kind))) == []
    assert current(filled(kind)) == {}


def test_the_ladder_ends_at_the_most() -> None:
    assert list(ladder(16)) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16]
    assert list(ladder(20))[-1] == 20
