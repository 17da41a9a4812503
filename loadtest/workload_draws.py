"""Items and histories with the structure of trained ones: low rank plus noise, and users who keep to a few tastes.

Isotropic vectors would not do. They have no neighbourhoods: lists that hold 97 % of the nearest are most of the
index, and exact search beats them.
"""

from dataclasses import dataclass

import faiss
import numpy as np

from shortlist.core.arrays import F16, F32, I32, I64, U8
from shortlist.core.types import FIRST_ITEM_ROW, EventType

DIMENSION = 64
"""Of a vector; the last coordinate is the item's bias, as in a trained release."""
RANK = 14
NOISE_SHARE = 1 / 15
"""Of a vector's variance; the rest lies in `RANK` directions."""
EVENTS = 50
"""Of every user."""
_BIAS_SCALE = 0.02
_TASTES, _NEAREST = 2_000, 500
_TASTE_SHARES = (0.6, 0.3, 0.1)
_DEPARTMENTS, _CATEGORIES = 20, 400
_CHUNK = 50_000
_TYPES = np.array([EventType.VIEW, EventType.CLICK, EventType.CART, EventType.PURCHASE], np.uint8)
_DAYS_BETWEEN_EVENTS = 1.5


@dataclass(frozen=True, slots=True)
class Items:
    """n items.

    Args:
        vectors: (n, 64) float16, 63 of a direction of unit length, then the bias.
        prices: (n,) float32.
        popularity: (n,) float32, from 1.
        categories: (n, 2) int32, department and category, numbered from 1.
    """

    vectors: F16
    prices: F32
    popularity: F32
    categories: I32

    @property
    def category_names(self) -> list[str]:
        """Names by number, "" for 0."""
        departments = [f"Department {number}" for number in range(_DEPARTMENTS)]
        return ["", *departments, *(f"Category {number}" for number in range(_CATEGORIES))]


@dataclass(frozen=True, slots=True)
class Events:
    """What u users did, newest first, 50 events each.

    Args:
        rows: (u, 50) int32, item rows.
        types: (u, 50) uint8, `EventType`.
        ages_s: (u, 50) int64, seconds before now.
        values: (u, 50) float32.
    """

    rows: I32
    types: U8
    ages_s: I64
    values: F32


def draw_items(count: int, seed: int) -> Items:
    """Draw items."""
    random = np.random.default_rng((seed, 1))
    basis = random.normal(size=(RANK, DIMENSION - 1)).astype(np.float32)
    vectors = np.zeros((count, DIMENSION), np.float16)
    categories = np.empty((count, 2), np.int32)
    centres = directions(basis, _CATEGORIES, random)
    for start in range(0, count, _CHUNK):
        drawn = directions(basis, min(_CHUNK, count - start), random)
        vectors[start : start + _CHUNK, :-1] = drawn
        categories[start : start + _CHUNK, 1] = (drawn @ centres.T).argmax(axis=1)
    categories[:, 0] = categories[:, 1] % _DEPARTMENTS + 1
    categories[:, 1] += _DEPARTMENTS + 1
    popularity = np.ceil(random.pareto(1.1, count)).clip(1, 1e6).astype(np.float32)
    logs = np.log(popularity)
    vectors[:, -1] = _BIAS_SCALE * (logs - logs.mean()) / max(float(logs.std()), 1e-6)
    prices = np.round(random.lognormal(2.5, 1.0, count), 2).astype(np.float32)
    return Items(vectors, prices, popularity, categories)


def directions(basis: F32, count: int, random: np.random.Generator) -> F32:
    """Draw (count, 63) float32 of unit length near the span of (14, 63) `basis`."""
    drawn = random.standard_normal((count, RANK), np.float32) @ basis
    # A coordinate of the low-rank part has variance RANK.
    scale = np.float32(np.sqrt(RANK * NOISE_SHARE / (1 - NOISE_SHARE)))
    drawn += scale * random.standard_normal(drawn.shape, np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def draw_events(items: Items, users: int, seed: int) -> Events:
    """Draw histories: each user has three of 2,000 tastes, the neighbourhoods of as many items."""
    random = np.random.default_rng((seed, 2))
    count = len(items.vectors)
    vectors = items.vectors.astype(np.float32)
    vectors[:, -1] = 0.0
    exact = faiss.IndexFlatIP(DIMENSION)
    exact.add(vectors)
    anchors = random.integers(0, count, min(_TASTES, count))
    _, nearest = exact.search(vectors[anchors], min(_NEAREST, count))
    tastes = random.integers(0, len(anchors), (users, len(_TASTE_SHARES)))
    taste = random.choice(len(_TASTE_SHARES), (users, EVENTS), p=_TASTE_SHARES)
    place = random.integers(0, nearest.shape[1], (users, EVENTS))
    positions = nearest[np.take_along_axis(tastes, taste, axis=1), place]
    gaps_s = random.exponential(_DAYS_BETWEEN_EVENTS * 86_400.0, (users, EVENTS))
    return Events(
        (positions + FIRST_ITEM_ROW).astype(np.int32),
        random.choice(_TYPES, (users, EVENTS), p=(0.4, 0.3, 0.1, 0.2)),
        np.cumsum(gaps_s, axis=1).astype(np.int64) + 1,
        items.prices[positions],
    )
