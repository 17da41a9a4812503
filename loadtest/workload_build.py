"""Make the workload: draw, tune the index, write models, release, user rows and the plain files for peers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from loadtest.arrivals import user_id
from loadtest.workload_draws import DIMENSION, EVENTS, Events, Items, draw_events, draw_items
from loadtest.workload_models import Tensors, write_ranker, write_tower
from shortlist.core.arrays import F32, AnyArray, Structured
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW, History
from shortlist.features.encode import USER_DENSE, counters_of, encode_histories, encode_user_dense
from shortlist.features.row import EVENT_DTYPE, UserRow
from shortlist.offline.columns import POPULAR_LENGTH
from shortlist.offline.index_choice import LEAST_RECALL, choose_index
from shortlist.offline.index_tuning import Exam, IndexPoint
from shortlist.offline.requests import Requests
from shortlist.offline.retriever import CANDIDATES, Retriever
from shortlist.ranking.tensors import candidate_dense_names, ranker_tensors
from shortlist.release.bundle import INDEX_NAME, ItemArrays, seal, write_arrays
from shortlist.release.catalogue import Catalogue
from shortlist.release.histories import Histories
from shortlist.release.manifest import FeatureSchema, Manifest, ModelSpec, RankerSpec, TensorSpec
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary
from shortlist.retrieval.sources import source_names
from shortlist.retrieval.tower import QueryTower

_ITEM_COLUMNS = ("log_price", "log_popularity")
_IN_RELEASE = 2_000
"""Users that the release brings along, for warm-up; all others are only in `rows.npy`."""
_EXAMINED, _CALIBRATED = 512, 256
_BATCH = 32
_TOWER_INPUTS = ("history_embedding", "history_mask", "history_type", "history_age", "user_dense")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What was drawn, and what serving calls it."""

    events: Events
    vocabulary: Vocabulary
    catalogue: Catalogue
    arrays: ItemArrays
    now_s: int


def build(folder: Path, item_count: int, user_count: int, seed: int) -> None:
    """Write the workload into an empty folder; see `workload.Workload` for what lies there.

    Args:
        folder: Takes the files; the release's id is its name behind "bench-".
        item_count: Of the catalogue.
        user_count: With rows.
        seed: Draws all of it.
    """
    items = draw_items(item_count, seed)
    drawn = _drawn(items, draw_events(items, user_count, seed))
    release, plain = folder / "release", folder / "plain"
    release.mkdir()
    plain.mkdir()
    requests = _requests(drawn, max(_EXAMINED, _CALIBRATED))
    tower, queries = _write_tower(release, drawn, requests, seed)
    point = _write_index(release, drawn, queries, seed)
    schema = FeatureSchema(
        history_length=EVENTS,
        user_dense=USER_DENSE,
        item_columns=_ITEM_COLUMNS,
        sources=source_names(()),
        candidate_dense=candidate_dense_names(source_names(()), _ITEM_COLUMNS),
    )
    batches = list(_ranker_batches(release, drawn, requests.take(slice(_CALIBRATED)), tower, schema))
    ranker = write_ranker(release, batches, drawn.catalogue.categories, seed)
    write_arrays(release, drawn.vocabulary, drawn.catalogue, drawn.arrays, _histories(drawn))
    seal(release, _manifest(folder.name, drawn, schema, tower, ranker, seed))
    _write_rows(folder / "rows.npy", drawn)
    _write_plain(plain, drawn)
    facts = {
        "items": item_count,
        "users": user_count,
        "seed": seed,
        "index": point.kind,
        "nprobe": point.nprobe,
        "recall_at_200": point.recall_at_200,
        "search_us": point.microseconds,
        "candidate_dense": schema.candidate_dense,
    }
    (folder / "workload.json").write_text(json.dumps(facts, indent=2) + "\n")


def _drawn(items: Items, events: Events) -> _Drawn:
    count = len(items.vectors)
    vocabulary = Vocabulary.build(f"item-{number:07}" for number in range(count))
    columns = np.column_stack([np.log1p(items.prices), np.log1p(items.popularity)])
    rows = count + FIRST_ITEM_ROW
    popular = np.argsort(-items.popularity, kind="stable")[:POPULAR_LENGTH] + FIRST_ITEM_ROW
    arrays = ItemArrays(
        _by_row(items.vectors),
        _by_row(columns.astype(np.float32)),
        np.zeros((0, rows, 1), np.int32),
        np.zeros((0, rows, 1), np.float16),
        popular.astype(np.int32),
    )
    catalogue = Catalogue(
        StringTable.pack(["", "", *(f"Item {number}" for number in range(count))]),
        StringTable.pack(items.category_names),
        _by_row(items.categories),
        np.concatenate([np.full(FIRST_ITEM_ROW, np.nan, np.float32), items.prices]),
    )
    return _Drawn(events, vocabulary, catalogue, arrays, int(time.time()))


def _by_row(values: AnyArray) -> AnyArray:
    return np.concatenate([np.zeros((FIRST_ITEM_ROW, *values.shape[1:]), values.dtype), values])


def _user_rows(drawn: _Drawn, count: int) -> Iterator[UserRow]:
    """Make the stored rows of the first users."""
    events, keys = drawn.events, drawn.vocabulary.keys_by_row()
    for user in range(count):
        own: Structured = np.zeros(EVENTS, EVENT_DTYPE)
        own["key"], own["type"] = keys[events.rows[user]], events.types[user]
        own["time"], own["value"] = drawn.now_s - events.ages_s[user], events.values[user]
        yield UserRow(own, 1, counters_of(own, drawn.now_s), drawn.now_s)


def _requests(drawn: _Drawn, count: int) -> Requests:
    count = min(count, len(drawn.events.rows))
    rows = list(_user_rows(drawn, count))
    now = np.full(count, float(drawn.now_s))
    history = encode_histories(rows, [()] * count, drawn.vocabulary, now, EVENTS)
    return Requests(np.arange(count, dtype=np.int32), now, history, encode_user_dense(rows, history, now))


def _write_tower(release: Path, drawn: _Drawn, requests: Requests, seed: int) -> tuple[ModelSpec, F32]:
    """Write the tower; give its queries for the requests, (q, 64)."""
    embeddings, history = drawn.arrays.embeddings, requests.history
    tensors: Tensors = {
        "history_embedding": embeddings[history.rows].astype(np.float32),
        "history_mask": (history.rows > 0).astype(np.float32),
        "history_type": history.types,
        "history_age": history.ages,
        "user_dense": requests.user_dense,
    }
    spec = write_tower(release, {name: tensors[name] for name in _TOWER_INPUTS}, DIMENSION, seed)
    tower = QueryTower(release / spec.file, spec, embeddings, EVENTS)
    return spec, tower.embed(history, requests.user_dense)


def _write_index(release: Path, drawn: _Drawn, queries: F32, seed: int) -> IndexPoint:
    """Write the index with the smallest nprobe that finds enough, for users and for items as queries."""
    chosen = choose_index(drawn.arrays.embeddings, queries, seed=seed, exact_up_to=0)
    best = chosen.chosen
    index: Any = chosen.index  # one with lists, which `faiss.Index` does not say
    if best.nprobe == 0:
        raise InputError(f"no inverted lists of {index.ntotal} items find {LEAST_RECALL:.0%} of the nearest")
    vectors = drawn.arrays.embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    exact = faiss.IndexFlatIP(DIMENSION)
    exact.add(vectors)
    exam = Exam(exact, vectors, queries, seed)
    # The choice climbs in quarters of an octave; the smallest may lie below its last step.
    too_few = [point.nprobe for point in chosen.curve if point.kind == best.kind and point.nprobe < best.nprobe]
    for nprobe in range(max(too_few, default=0) + 1, best.nprobe):
        index.nprobe = nprobe
        point = exam.point(index, best.kind, nprobe, best.build_seconds)
        if point.recall_at_200 >= LEAST_RECALL:
            best = point
            break
    index.nprobe = best.nprobe
    faiss.write_index(index, str(release / INDEX_NAME))
    return best


def _ranker_batches(
    release: Path, drawn: _Drawn, requests: Requests, tower: ModelSpec, schema: FeatureSchema
) -> Iterator[Tensors]:
    """Build the ranker's tensors for the requests, as serving does."""
    rows = drawn.vocabulary.row_count
    retriever = Retriever(drawn.arrays, schema.sources, release, tower, EVENTS, rows)
    # Named here as the ranker's graph takes them; their shapes are of no use to `ranker_tensors`.
    names = {"user_dense": "float32", "history": "int32", "history_type": "int32", "history_age": "float32"}
    names |= {"candidates": "int32", "candidate_dense": "float32"}
    specs = [TensorSpec.model_validate({"name": name, "dtype": dtype, "shape": ()}) for name, dtype in names.items()]
    for start in range(0, len(requests), _BATCH):
        part = requests.take(slice(start, start + _BATCH))
        candidates = retriever.candidates(part, list(part.history.rows))
        yield ranker_tensors(
            specs,
            schema,
            History(part.history.rows, part.history.types, part.history.ages),
            part.user_dense,
            candidates,
            drawn.arrays.columns,
            drawn.catalogue.categories,
            CANDIDATES,
        )


def _histories(drawn: _Drawn) -> Histories:
    """Take the users that come with the release."""
    events, count = drawn.events, min(_IN_RELEASE, len(drawn.events.rows))
    return Histories(
        StringTable.pack(user_id(user) for user in range(count)),
        np.arange(count + 1, dtype=np.int64) * EVENTS,
        events.rows[:count].ravel(),
        events.types[:count].ravel(),
        drawn.now_s - events.ages_s[:count].ravel(),
        events.values[:count].ravel(),
    )


def _manifest(
    name: str, drawn: _Drawn, schema: FeatureSchema, tower: ModelSpec, ranker: RankerSpec, seed: int
) -> Manifest:
    return Manifest(
        id=f"bench-{name}",
        created=datetime.fromtimestamp(drawn.now_s, UTC),
        dataset="workload",
        seed=seed,
        trained_until=datetime.fromtimestamp(drawn.now_s, UTC),
        item_count=len(drawn.vocabulary.ids),
        embedding_dimension=DIMENSION,
        has_item_bias=True,
        candidates=CANDIDATES,
        exclude_seen=True,
        features=schema,
        query_tower=tower,
        ranker=ranker,
        notes=("drawn, not trained: for measuring speed",),
        files={},
    )


def _write_rows(path: Path, drawn: _Drawn) -> None:
    """Write what Redis holds: (users, bytes of a row) uint8, one length for all."""
    users = len(drawn.events.rows)
    np.save(
        path, np.frombuffer(b"".join(row.encode() for row in _user_rows(drawn, users)), np.uint8).reshape(users, -1)
    )


def _write_plain(folder: Path, drawn: _Drawn) -> None:
    """Write by item row what a server that knows nothing of releases needs, each an .npy that can be mapped."""
    np.save(folder / "embeddings.npy", drawn.arrays.embeddings)
    np.save(folder / "columns.npy", drawn.arrays.columns)
    np.save(folder / "categories.npy", drawn.catalogue.categories)
    np.save(folder / "keys.npy", drawn.vocabulary.keys_by_row())
    np.save(folder / "popular.npy", drawn.arrays.popular)
    np.save(folder / "item_ids.npy", np.array(["", "", *drawn.vocabulary.ids], np.bytes_))
