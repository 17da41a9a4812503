"""Vectors as towers make them: a few directions matter, noise in the others, all of unit length."""

import numpy as np

from shortlist.core.arrays import F16, F32
from shortlist.core.types import FIRST_ITEM_ROW

DIMENSION, RANK = 32, 12


def towers(items: int, users: int, seed: int = 3) -> tuple[F16, F32]:
    """Draw embeddings by item row and queries; isotropic noise alone has no neighbourhoods that lists could hold."""
    generator = np.random.default_rng(seed)
    directions = generator.normal(size=(RANK, DIMENSION))
    drawn = generator.normal(size=(items + users, RANK)) @ directions
    drawn += generator.normal(size=drawn.shape)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    embeddings = np.zeros((FIRST_ITEM_ROW + items, DIMENSION), np.float16)
    embeddings[FIRST_ITEM_ROW:] = drawn[:items]
    return embeddings, drawn[items:].astype(np.float32)
