"""Every way to search an index that exists: its parameters by kind, from what searches least to what searches most."""

from collections.abc import Iterator, Mapping
from typing import Any

import faiss
import numpy as np

from shortlist.retrieval.cpu import TUNED_AT

Setting = Mapping[str, float]
"""Values by the names of FAISS's ParameterSpace."""

_REFINEMENTS = (1.0, 2.0, 4.0, 8.0)
_MOST_EF_SEARCH = 4096


def settings_of(index: faiss.Index) -> Iterator[Setting]:
    """Give an index's settings in the order in which they are tried; none where there is nothing to set.

    Where two parameters meet, all of the lists are gone through for each refinement, the smallest first.
    """
    inverted, graph = _inside(index, faiss.IndexIVF), _inside(index, faiss.IndexHNSW)
    if inverted is not None:
        searched = [{"nprobe": float(nprobe)} for nprobe in ladder(inverted.nlist)]
    elif graph is not None:
        searched = [{"efSearch": float(width)} for width in ladder(_MOST_EF_SEARCH) if width >= TUNED_AT]
    else:
        searched = []
    if not isinstance(index, faiss.IndexRefine):
        yield from searched
        return
    for factor in _REFINEMENTS:
        for setting in searched or [{}]:
            yield {**setting, "k_factor_rf": factor}


def apply(index: faiss.Index, setting: Setting) -> None:
    """Set an index to search so; FAISS keeps it in the index's file."""
    for name, value in setting.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)


def current(index: faiss.Index) -> Setting:
    """Read how an index is set to search."""
    inverted, graph = _inside(index, faiss.IndexIVF), _inside(index, faiss.IndexHNSW)
    held = {} if inverted is None else {"nprobe": float(inverted.nprobe)}
    if graph is not None:
        held["efSearch"] = float(graph.hnsw.efSearch)
    if isinstance(index, faiss.IndexRefine):
        held["k_factor_rf"] = float(index.k_factor)
    return held


def ladder(most: int) -> Iterator[int]:
    """Give 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16 and so on in quarters of an octave, up to the most."""
    steps = 2.0 ** np.arange(0.0, np.log2(most) + 0.25, 0.25)
    return iter(np.unique(np.minimum(np.round(steps), most)).astype(int).tolist())


def _inside(index: faiss.Index, kind: type) -> Any:
    """Find an index of a kind behind transformations and refinements; None where there is none."""
    while not isinstance(index, kind):
        if isinstance(index, faiss.IndexRefine):
            index = faiss.downcast_index(index.base_index)
        elif isinstance(index, faiss.IndexPreTransform):
            index = faiss.downcast_index(index.index)
        else:
            return None
    return index
