"""A complete release of 120 items on disk, made without torch in a tenth of a second.

Items of a category lie near each other, users mostly stay in one category, and the two models are graphs of a few
operators: the query tower is the mean of the history, the ranker is linear in what it is given. Everything is keyed
by an item's number, so that the same release can be made over a permuted vocabulary.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import faiss
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shortlist.core.arrays import F16, F32, I32, AnyArray
from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.features.encode import USER_DENSE
from shortlist.features.row import EVENT_DTYPE, UserRow
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import (
    INDEX_NAME,
    QUERY_TOWER_NAME,
    RANKER_NAMES,
    ItemArrays,
    Release,
    seal,
    write_arrays,
    written_beside,
)
from shortlist.release.catalogue import Catalogue
from shortlist.release.histories import Histories
from shortlist.release.manifest import FeatureSchema, Manifest, ModelSpec, RankerSpec, TensorSpec
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary

ITEMS = 120
USERS = 40
DIMENSION = 16
CATEGORIES = ("Tea", "Coffee", "Bread", "Lamps", "Paper", "Garden")
DEPARTMENTS = ("Food", "Home")
SOURCES = ("tower", "neighbours", "popular")
ITEM_COLUMNS = ("log_price", "log_popularity")
HISTORY_LENGTH = 20
EVENTS_PER_USER = 12
CANDIDATES = 60
NEIGHBOURS = 8
POPULAR = 50
UNPRICED = (7, 50)
"""Numbers of the items that have no price."""
LOG_END_S = 1_600_000_000
DAY_S = 86_400
TYPE_WEIGHTS = (0.0, 0.2, 0.5, 1.0, 1.5, 2.0, 0.1)
"""What an event of each type counts in the ranker, by `EventType`; 0 pads."""

_OPSET = 17


def item_id(number: int) -> str:
    """Name an item; item n belongs to category n modulo 6."""
    return f"item-{number:03}"


def category_of(number: int) -> str:
    """Name an item's special category."""
    return CATEGORIES[number % len(CATEGORIES)]


def numbers_in(category: str) -> list[int]:
    """List the items of a category or department."""
    return [number for number in range(ITEMS) if category in (category_of(number), _department_of(number))]


def build_tiny_release(out: Path, order: Sequence[int] = range(ITEMS), release_id: str = "tiny") -> Release:
    """Write the release and open it.

    Args:
        out: The directory to make.
        order: Item numbers in the order of the vocabulary.
        release_id: Its id.
    """
    with written_beside(out) as folder:
        write_parts(folder, order)
        seal(folder, manifest(release_id))
    return Release.open(out)


def write_parts(folder: Path, order: Sequence[int] = range(ITEMS)) -> None:
    """Write everything but the manifest."""
    rng = np.random.default_rng(7)
    vectors = _vectors(rng)
    popularity = rng.permutation(np.arange(1, ITEMS + 1)).astype(np.float32)
    prices = np.round(rng.uniform(1.0, 40.0, ITEMS), 2).astype(np.float32)
    prices[list(UNPRICED)] = np.nan
    columns = np.column_stack([np.log1p(np.nan_to_num(prices)), np.log1p(popularity)]).astype(np.float32)

    places = np.array(order)
    row_of = np.empty(ITEMS, np.int32)
    row_of[places] = np.arange(ITEMS) + FIRST_ITEM_ROW
    vocabulary = Vocabulary.build(item_id(number) for number in order)
    embeddings = by_row(vectors.astype(np.float16)[places])
    neighbours, weights = _neighbours(vectors)
    items = ItemArrays(
        embeddings=embeddings,
        columns=by_row(columns[places]),
        neighbour_rows=by_row(row_of[neighbours][places])[None],
        neighbour_weights=by_row(weights[places])[None],
        popular=row_of[np.argsort(-popularity)[:POPULAR]],
    )
    write_arrays(folder, vocabulary, _catalogue(places, prices), items, _histories(rng, row_of))

    index = faiss.IndexFlatIP(DIMENSION)
    index.add(embeddings[FIRST_ITEM_ROW:].astype(np.float32))
    faiss.write_index(index, str(folder / INDEX_NAME))
    onnx.save(_tower(), folder / QUERY_TOWER_NAME)
    onnx.save(_ranker(embeddings), folder / RANKER_NAMES["fp32"])


def manifest(release_id: str = "tiny") -> Manifest:
    """Describe the release; `seal` adds the files."""
    dense = candidate_dense_names(SOURCES, ITEM_COLUMNS)
    return Manifest(
        id=release_id,
        created=datetime(2024, 1, 1, tzinfo=UTC),
        dataset="tiny",
        seed=7,
        trained_until=datetime.fromtimestamp(LOG_END_S, UTC),
        item_count=ITEMS,
        embedding_dimension=DIMENSION,
        candidates=CANDIDATES,
        exclude_seen=True,
        features=FeatureSchema(
            history_length=HISTORY_LENGTH,
            user_dense=USER_DENSE,
            item_columns=ITEM_COLUMNS,
            sources=SOURCES,
            candidate_dense=dense,
        ),
        query_tower=ModelSpec(
            file=QUERY_TOWER_NAME,
            inputs=(
                TensorSpec(name="history_embedding", dtype="float32", shape=(HISTORY_LENGTH, DIMENSION)),
                TensorSpec(name="history_mask", dtype="float32", shape=(HISTORY_LENGTH,)),
            ),
            output=TensorSpec(name="query", dtype="float32", shape=(DIMENSION,)),
        ),
        ranker=RankerSpec(
            file=RANKER_NAMES["fp32"],
            precision="fp32",
            inputs=(
                TensorSpec(name="user_dense", dtype="float32", shape=(len(USER_DENSE),)),
                TensorSpec(name="history", dtype="int32", shape=(HISTORY_LENGTH,)),
                TensorSpec(name="history_type", dtype="int32", shape=(HISTORY_LENGTH,)),
                TensorSpec(name="history_age", dtype="float32", shape=(HISTORY_LENGTH,)),
                TensorSpec(name="candidates", dtype="int32", shape=(-1,)),
                TensorSpec(name="candidate_dense", dtype="float32", shape=(-1, len(dense))),
            ),
            output=TensorSpec(name="score", dtype="float32", shape=(-1,)),
        ),
        files={},
    )


def user_row(
    numbers: Sequence[int],
    now_s: int = LOG_END_S,
    version: int = 1,
    event_type: EventType = EventType.PURCHASE,
) -> UserRow:
    """Make the stored row of a user who bought these items, newest first, one a day until yesterday."""
    events = np.zeros(len(numbers), EVENT_DTYPE)
    events["key"] = Vocabulary.build(item_id(number) for number in range(ITEMS)).keys_by_row()[
        np.array(numbers, np.intp) + FIRST_ITEM_ROW
    ]
    events["time"] = now_s - DAY_S * np.arange(1, len(numbers) + 1)
    events["type"], events["value"] = event_type, 2.5
    return UserRow(events, version, np.array([3.0, 7.5], np.float32), now_s)


def by_row(values: AnyArray) -> AnyArray:
    """Put the empty rows of padding and unknown before the items."""
    return np.concatenate([np.zeros((FIRST_ITEM_ROW, *values.shape[1:]), values.dtype), values])


def _department_of(number: int) -> str:
    return DEPARTMENTS[number % len(CATEGORIES) // 3]


def _vectors(rng: np.random.Generator) -> F32:
    """Scatter each category's items around a centre of its own."""
    centres = np.linalg.qr(rng.normal(size=(DIMENSION, len(CATEGORIES))))[0].T
    scattered = centres[np.arange(ITEMS) % len(CATEGORIES)] + 0.15 * rng.normal(size=(ITEMS, DIMENSION))
    return (scattered / np.linalg.norm(scattered, axis=1, keepdims=True)).astype(np.float32)


def _neighbours(vectors: F32) -> tuple[I32, F16]:
    """List each item's nearest others, by number."""
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1.0)
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :NEIGHBOURS].astype(np.int32)
    weights = np.clip(np.take_along_axis(similar, nearest, axis=1), 0.01, 1.0)
    return nearest, weights.astype(np.float16)


def _catalogue(places: AnyArray, prices: F32) -> Catalogue:
    names = ["", *DEPARTMENTS, *CATEGORIES]
    numbers = [(names.index(_department_of(place)), names.index(category_of(place))) for place in places.tolist()]
    titles = [f"{category_of(place)} no. {place}" for place in places.tolist()]
    by_row_prices = np.concatenate([np.full(FIRST_ITEM_ROW, np.nan, np.float32), prices[places]])
    return Catalogue(
        StringTable.pack(["", "", *titles]),
        StringTable.pack(names),
        by_row(np.array(numbers, np.int32)),
        by_row_prices,
    )


def _histories(rng: np.random.Generator, row_of: I32) -> Histories:
    """Let user u buy mostly in category u modulo 6; events newest first, the last within the log's last days."""
    count = USERS * EVENTS_PER_USER
    user = np.repeat(np.arange(USERS), EVENTS_PER_USER)
    favourite = rng.random(count) < 0.8
    category = np.where(favourite, user % len(CATEGORIES), rng.integers(0, len(CATEGORIES), count))
    number = category + len(CATEGORIES) * rng.integers(0, ITEMS // len(CATEGORIES), count)
    place = np.tile(np.arange(EVENTS_PER_USER), USERS)
    return Histories(
        StringTable.pack(f"user-{name:02}" for name in range(USERS)),
        np.arange(USERS + 1, dtype=np.int64) * EVENTS_PER_USER,
        row_of[number],
        np.full(count, EventType.PURCHASE, np.uint8),
        LOG_END_S - DAY_S * (1 + 3 * place + user % 3).astype(np.int64),
        np.full(count, 2.5, np.float32),
    )


def _tower() -> onnx.ModelProto:
    """Average the embeddings of the history and scale the mean to unit length."""
    nodes = [
        helper.make_node("Unsqueeze", ["history_mask", "last"], ["mask"]),
        helper.make_node("Mul", ["history_embedding", "mask"], ["held"]),
        helper.make_node("ReduceSum", ["held", "first"], ["total"], keepdims=0),
        helper.make_node("ReduceL2", ["total"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["divisor"]),
        helper.make_node("Div", ["total", "divisor"], ["query"]),
    ]
    constants = {
        "last": np.array([2], np.int64),
        "first": np.array([1], np.int64),
        "tiny": np.array(1e-6, np.float32),
    }
    inputs = [
        _tensor("history_embedding", TensorProto.FLOAT, ["batch", HISTORY_LENGTH, DIMENSION]),
        _tensor("history_mask", TensorProto.FLOAT, ["batch", HISTORY_LENGTH]),
    ]
    return _model("tower", nodes, inputs, _tensor("query", TensorProto.FLOAT, ["batch", DIMENSION]), constants)


def _ranker(embeddings: F16) -> onnx.ModelProto:
    """Score by the dense columns and by the nearness to the history, newer and stronger events counting more."""
    dense = len(candidate_dense_names(SOURCES, ITEM_COLUMNS))
    nodes = [
        helper.make_node("MatMul", ["candidate_dense", "dense_weights"], ["by_dense"]),
        helper.make_node("Gather", ["embeddings", "history"], ["history_vectors"], axis=0),
        helper.make_node("Gather", ["type_weights", "history_type"], ["strength"], axis=0),
        helper.make_node("Mul", ["history_age", "decay"], ["aged"]),
        helper.make_node("Exp", ["aged"], ["freshness"]),
        helper.make_node("Mul", ["strength", "freshness"], ["votes"]),
        helper.make_node("Unsqueeze", ["votes", "last"], ["column"]),
        helper.make_node("Mul", ["history_vectors", "column"], ["voted"]),
        helper.make_node("ReduceSum", ["voted", "first"], ["taste"], keepdims=0),
        helper.make_node("Gather", ["embeddings", "candidates"], ["candidate_vectors"], axis=0),
        helper.make_node("Unsqueeze", ["taste", "last"], ["taste_column"]),
        helper.make_node("MatMul", ["candidate_vectors", "taste_column"], ["near_column"]),
        helper.make_node("Squeeze", ["near_column", "last"], ["by_taste"]),
        helper.make_node("MatMul", ["user_dense", "user_weights"], ["by_user"]),
        helper.make_node("Add", ["by_dense", "by_taste"], ["by_item"]),
        helper.make_node("Unsqueeze", ["by_user", "first"], ["by_user_column"]),
        helper.make_node("Add", ["by_item", "by_user_column"], ["score"]),
    ]
    constants = {
        "dense_weights": np.linspace(0.3, -0.2, dense, dtype=np.float32),
        "embeddings": embeddings.astype(np.float32),
        "type_weights": np.array(TYPE_WEIGHTS, np.float32),
        "decay": np.array(-0.01, np.float32),
        "user_weights": np.linspace(0.05, 0.1, len(USER_DENSE), dtype=np.float32),
        "last": np.array([2], np.int64),
        "first": np.array([1], np.int64),
    }
    history = ["batch", HISTORY_LENGTH]
    inputs = [
        _tensor("user_dense", TensorProto.FLOAT, ["batch", len(USER_DENSE)]),
        _tensor("history", TensorProto.INT32, history),
        _tensor("history_type", TensorProto.INT32, history),
        _tensor("history_age", TensorProto.FLOAT, history),
        _tensor("candidates", TensorProto.INT32, ["batch", "candidates"]),
        _tensor("candidate_dense", TensorProto.FLOAT, ["batch", "candidates", dense]),
    ]
    return _model("ranker", nodes, inputs, _tensor("score", TensorProto.FLOAT, ["batch", "candidates"]), constants)


def _tensor(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    output: onnx.ValueInfoProto,
    constants: dict[str, AnyArray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, name, inputs, [output], [numpy_helper.from_array(value, key) for key, value in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model
