"""Fit the content map: a ridge regression of the embeddings of items that were sold on what these items are."""

import numpy as np

from shortlist.core.arrays import F16, F32, I32
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.content import ContentMap
from shortlist.features.text import TextEncoder

_RIDGE = 1.0


def fit_content(encoder: TextEncoder, texts: F32, categories: I32, embeddings: F32 | F16, known: int) -> ContentMap:
    """Fit on the items that were sold.

    Args:
        encoder: Of the texts.
        texts: (R, T) float32, encoded.
        categories: (R, levels) int32, from general to special, 0 pads.
        embeddings: (R, D), with the bias.
        known: Rows up to the last that was sold.
    """
    width, kinds = texts.shape[1], int(categories.max(initial=0)) + 1
    content = np.zeros((known - FIRST_ITEM_ROW, width + kinds + 1), np.float64)
    content[:, :width] = texts[FIRST_ITEM_ROW:known]
    np.put_along_axis(content, width + categories[FIRST_ITEM_ROW:known], 1.0, axis=1)
    content[:, width] = 0.0  # category 0 is none
    content[:, -1] = 1.0
    penalty = np.full(content.shape[1], _RIDGE)
    penalty[-1] = 1e-6  # the mean is not to be small
    gram = content.T @ content + np.diag(penalty)
    weights = np.linalg.solve(gram, content.T @ embeddings[FIRST_ITEM_ROW:known].astype(np.float64)).astype(np.float32)
    return ContentMap(encoder, weights[:width], weights[width:-1], weights[-1])
