"""Run the models of an import once as serving would, in two shapes: a graph may promise more than it holds."""

import numpy as np

from shortlist.core.arrays import F32, I32
from shortlist.core.errors import InputError, UnavailableError
from shortlist.core.types import PADDING_ROW, UNKNOWN_ROW, Candidates, EventType, History
from shortlist.features.encode import USER_DENSE
from shortlist.offline.imports.models import Graph
from shortlist.ranking.local import LocalRanker
from shortlist.ranking.tensors import ranker_tensors
from shortlist.release.manifest import FeatureSchema, ModelSpec
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.tower import QueryTower

SHAPES = ((1, 200), (3, 50))
"""Requests, and candidates of each."""


def probe_tower(graph: Graph, tower: QueryTower, length: int, rows: int, dimension: int) -> None:
    """Embed made-up users.

    Args:
        graph: Names the file.
        tower: The model.
        length: Events that it looks at.
        rows: R, the item rows that there are.
        dimension: D, that of the item embeddings.

    Raises:
        InputError: it fails, or gives another shape than (B, D) or what is not finite.
    """
    for users, _ in SHAPES:
        history, user_dense = _users(users, length, rows)
        try:
            embedded = tower.embed(history, user_dense)
        except UnavailableError as error:
            raise InputError(f"{graph.source}: a run on {users} requests failed: {_sentence(error)}") from error
        if embedded.shape != (users, dimension):
            raise InputError(
                f"{graph.source}: query has shape {embedded.shape} for {users} requests, expected {(users, dimension)}"
            )


def probe_ranker(
    graph: Graph, ranker: LocalRanker, spec: ModelSpec, schema: FeatureSchema, columns: F32, categories: I32
) -> None:
    """Score made-up candidates.

    Args:
        graph: Names the file.
        ranker: The model.
        spec: Its tensors.
        schema: The release's.
        columns: (R, C) the release's item columns.
        categories: (R, levels) int32, its categories.

    Raises:
        InputError: it fails, or gives another shape than (B, N) or what is not finite.
    """
    for users, width in SHAPES:
        history, user_dense = _users(users, schema.history_length, len(columns))
        candidates = _candidates(users, width, len(columns), len(schema.sources))
        tensors = ranker_tensors(spec.inputs, schema, history, user_dense, candidates, columns, categories)
        try:
            ranker.score(tensors, Deadline(NEVER))
        except UnavailableError as error:
            raise InputError(
                f"{graph.source}: a run on {users} requests with {width} candidates failed: {_sentence(error)}"
            ) from error


def _users(count: int, length: int, rows: int) -> tuple[History, F32]:
    """Make users with ever shorter histories, of all items and types; the last of several has one event."""
    random = np.random.default_rng(count)
    events = np.maximum(length * np.arange(count, 0, -1) // count, 1)
    events[1:][-1:] = 1
    held = np.arange(length) < events[:, None]
    items = random.integers(UNKNOWN_ROW, rows, held.shape)
    items[0, 0] = rows - 1
    types = random.integers(EventType.IMPRESSION, EventType.HIDE, held.shape, endpoint=True)
    ages = np.sort(random.uniform(0.0, 400.0, held.shape), axis=1)
    history = History(
        (items * held).astype(np.int32), (types * held).astype(np.int32), (ages * held).astype(np.float32)
    )
    return history, random.uniform(0.0, 5.0, (count, len(USER_DENSE))).astype(np.float32)


def _candidates(users: int, width: int, rows: int, sources: int) -> Candidates:
    """Make lists whose last tenth is padding, each item from any number of sources."""
    random = np.random.default_rng(width)
    held = np.arange(width) < width - width // 10
    items = np.where(held, random.integers(UNKNOWN_ROW, rows, (users, width)), PADDING_ROW)
    items[:, 0] = rows - 1
    ranks = random.integers(0, width, (users, width, sources), endpoint=True) * held[:, None]
    scores = np.where(ranks > 0, 1.0 / np.maximum(ranks, 1), 0.0)
    return Candidates(items.astype(np.int32), scores.astype(np.float32), ranks.astype(np.int32))


def _sentence(error: UnavailableError) -> str:
    return error.reason.partition("\n")[0]
