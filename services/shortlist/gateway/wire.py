"""The repeated parts of an answer, items and stages, as bytes of the protobuf wire format.

An answer of 20 items is 30 messages, and making them as objects was half of the processor time that a request cost
outside the kernels (80 µs; written as bytes and parsed as a whole: 30). Tags come from the descriptors, so that the
proto files stay the only place where numbers are given. Format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from google.protobuf.descriptor import Descriptor

from shortlist.gateway.jobs import Stages
from shortlist.gateway.slate import Slate
from shortlist.release.vocabulary import Vocabulary
from shortlist.v1 import recommender_pb2

_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def varint(number: int) -> bytes:
    """Encode a number from 0 up."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


@lru_cache(maxsize=64)
def _tag(message: Descriptor, field: str, wire_type: int) -> bytes:
    return varint(message.fields_by_name[field].number << 3 | wire_type)


def _text(tag: bytes, text: str) -> bytes:
    encoded = text.encode()
    return tag + varint(len(encoded)) + encoded


_ITEM = recommender_pb2.RecommendedItem.DESCRIPTOR
_STAGE = recommender_pb2.StageTiming.DESCRIPTOR
_ID, _SOURCE = _tag(_ITEM, "item_id", _BYTES), _tag(_ITEM, "sources", _BYTES)
_NAME, _MICROSECONDS = _tag(_STAGE, "stage", _BYTES), _tag(_STAGE, "microseconds", _VARINT)
_SCORE, _RETRIEVAL = _tag(_ITEM, "score", _FIXED32)[0], _tag(_ITEM, "retrieval_score", _FIXED32)[0]
_NUMBERS = np.dtype([("score_tag", "u1"), ("score", "<f4"), ("retrieval_tag", "u1"), ("retrieval", "<f4")])
_SHORT = tuple(varint(number) for number in range(1 << 14))
"""Lengths: an id has 256 bytes at most, and so an item with all of its sources fits."""
_RANKS = tuple(_tag(_ITEM, "rank", _VARINT) + varint(rank) for rank in range(1, 1001))


def items_field(message: Descriptor, slate: Slate, vocabulary: Vocabulary, names: Sequence[str]) -> bytes:
    """Encode the field `items` of a message: a RecommendedItem for each of the slate's, explanations left out.

    Args:
        message: The message.
        slate: What is answered.
        vocabulary: Names items.
        names: Of the sources, in the order of the slate's columns.
    """
    numbers = np.empty(len(slate.rows), _NUMBERS)
    numbers["score_tag"], numbers["retrieval_tag"] = _SCORE, _RETRIEVAL
    numbers["score"], numbers["retrieval"] = slate.scores, slate.retrieval_scores
    packed = numbers.tobytes()
    size = _NUMBERS.itemsize
    # Those that did not propose an item have rank 0, and come last.
    ranks = np.where(slate.source_ranks > 0, slate.source_ranks, np.iinfo(np.int32).max)
    orders = np.argsort(ranks, axis=1, kind="stable").tolist()
    counts = np.count_nonzero(slate.source_ranks, axis=1).tolist()
    tag, names = _tag(message, "items", _BYTES), tuple(names)
    parts: list[bytes] = []
    begins = range(0, size * len(orders), size)
    for item_id, rank, begin, order, count in zip(
        vocabulary.utf8_ids_of(slate.rows), _RANKS, begins, orders, counts, strict=False
    ):
        sources = _sources(names, tuple(order[:count]))
        length = _SHORT[len(item_id)]
        body = len(_ID) + len(length) + len(item_id) + size + len(rank) + len(sources)
        parts += (tag, _SHORT[body], _ID, length, item_id, packed[begin : begin + size], rank, sources)
    return b"".join(parts)


def stages_field(message: Descriptor, stages: Stages) -> bytes:
    """Encode the field `stages` of a message: a StageTiming for each of (name, seconds)."""
    tag = _tag(message, "stages", _BYTES)
    parts: list[bytes] = []
    for name, seconds in stages:
        body = _name(name) + varint(round(seconds * 1e6))
        parts += (tag, _SHORT[len(body)], body)
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _sources(names: tuple[str, ...], order: tuple[int, ...]) -> bytes:
    """Encode the names of the sources that proposed an item; few orders come up, again and again."""
    return b"".join(_text(_SOURCE, names[source]) for source in order)


@lru_cache(maxsize=256)
def _name(stage: str) -> bytes:
    return _text(_NAME, stage) + _MICROSECONDS
