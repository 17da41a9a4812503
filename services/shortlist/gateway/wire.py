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
_ITEMS = _tag(recommender_pb2.RecommendResponse.DESCRIPTOR, "items", _BYTES)
"""The same in every answer with items; a test compares them."""
_ID, _SOURCE = _tag(_ITEM, "item_id", _BYTES), _tag(_ITEM, "sources", _BYTES)
_NAME, _MICROSECONDS = _tag(_STAGE, "stage", _BYTES), _tag(_STAGE, "microseconds", _VARINT)
_SCORE, _RETRIEVAL = _tag(_ITEM, "score", _FIXED32)[0], _tag(_ITEM, "retrieval_score", _FIXED32)[0]
_NUMBERS = np.dtype([("score_tag", "u1"), ("score", "<f4"), ("retrieval_tag", "u1"), ("retrieval", "<f4")])
_SHORT = tuple(varint(number) for number in range(1 << 14))
"""Lengths: an id has 256 bytes at most, and so an item with all of its sources fits."""
_RANKS = tuple(_tag(_ITEM, "rank", _VARINT) + varint(rank) for rank in range(1, 1001))


class ItemWriter:
    """Writes the field `items` of answers from one release, for all slates of a batch at once.

    Args:
        vocabulary: Names items.
        sources: Names of the sources, in the order of the slates' columns.
    """

    def __init__(self, vocabulary: Vocabulary, sources: Sequence[str]) -> None:
        self._vocabulary, self._names = vocabulary, tuple(sources)
        self._sources = lru_cache(maxsize=4096)(self._named)  # few orders come up, again and again

    def write(self, slates: Sequence[Slate]) -> None:
        """Fill in what each slate's items are as bytes: a RecommendedItem each, explanations left out."""
        rows = np.concatenate([slate.rows for slate in slates])
        numbers = np.empty(len(rows), _NUMBERS)
        numbers["score_tag"], numbers["retrieval_tag"] = _SCORE, _RETRIEVAL
        numbers["score"] = np.concatenate([slate.scores for slate in slates])
        numbers["retrieval"] = np.concatenate([slate.retrieval_scores for slate in slates])
        packed, size = numbers.tobytes(), _NUMBERS.itemsize
        ranks = np.concatenate([slate.source_ranks for slate in slates])
        # Those that did not propose an item have rank 0, and come last.
        orders = np.argsort(np.where(ranks > 0, ranks, np.iinfo(np.int32).max), axis=1, kind="stable").tolist()
        counts = np.count_nonzero(ranks, axis=1).tolist()
        of_all = zip(self._vocabulary.utf8_ids_of(rows), range(0, len(packed), size), orders, counts, strict=True)
        for slate in slates:
            parts: list[bytes] = []
            for rank, (item_id, begin, order, count) in zip(_RANKS[: len(slate.rows)], of_all, strict=False):
                sources = self._sources(tuple(order[:count]))
                length = _SHORT[len(item_id)]
                body = len(_ID) + len(length) + len(item_id) + size + len(rank) + len(sources)
                parts += (_ITEMS, _SHORT[body], _ID, length, item_id, packed[begin : begin + size], rank, sources)
            slate.items = b"".join(parts)

    def _named(self, order: tuple[int, ...]) -> bytes:
        return b"".join(_text(_SOURCE, self._names[source]) for source in order)


def stages_field(message: Descriptor, stages: Stages) -> bytes:
    """Encode the field `stages` of a message: a StageTiming for each of (name, seconds)."""
    tag = _tag(message, "stages", _BYTES)
    parts: list[bytes] = []
    for name, seconds in stages:
        body = _name(name) + varint(round(seconds * 1e6))
        parts += (tag, _SHORT[len(body)], body)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _name(stage: str) -> bytes:
    return _text(_NAME, stage) + _MICROSECONDS
