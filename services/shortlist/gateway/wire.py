"""The repeated parts of an answer, items and stages, as bytes of the protobuf wire format.

An answer of 20 items is 30 messages, and making them as objects was half of the processor time that a request cost
outside the kernels. Tags come from the descriptors, so that the proto files stay the only place where numbers are
given. Format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from google.protobuf.descriptor import Descriptor

from shortlist.core.arrays import I32, I64, U8
from shortlist.core.compiled import I32 as INT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.compiled import U8 as BYTE
from shortlist.core.compiled import compiled, filled, given
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.gateway.jobs import Stages
from shortlist.gateway.requests import MAX_ID_BYTES
from shortlist.gateway.slate import Slate
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary
from shortlist.v1 import recommender_pb2

_VARINT, _BYTES, _FIXED32 = 0, 2, 5
_LONGEST_VARINT = 5
"""Bytes of a length or a rank."""


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


def length_delimited(message: Descriptor, field: str) -> bytes:
    """Give the tag of a field whose value is its length and so many bytes."""
    return _tag(message, field, _BYTES)


def _text(tag: bytes, text: str) -> bytes:
    encoded = text.encode()
    return tag + varint(len(encoded)) + encoded


_ITEM = recommender_pb2.RecommendedItem.DESCRIPTOR
_STAGE = recommender_pb2.StageTiming.DESCRIPTOR
(_ITEMS,) = _tag(recommender_pb2.RecommendResponse.DESCRIPTOR, "items", _BYTES)
"""The same in every answer with items; a test compares them."""
(_ID,), (_RANK,) = _tag(_ITEM, "item_id", _BYTES), _tag(_ITEM, "rank", _VARINT)
(_SCORE,), (_RETRIEVAL,) = _tag(_ITEM, "score", _FIXED32), _tag(_ITEM, "retrieval_score", _FIXED32)
_SOURCE = _tag(_ITEM, "sources", _BYTES)
_NAME, _MICROSECONDS = _tag(_STAGE, "stage", _BYTES), _tag(_STAGE, "microseconds", _VARINT)
_FIXED_BYTES = 2 + 2 * _LONGEST_VARINT + 2 * 5 + 1 + _LONGEST_VARINT
"""Of an item, besides its id and its sources, at most."""


class ItemWriter:
    """Writes the field `items` of answers from one release, for all slates of a batch at once.

    Args:
        vocabulary: Names items.
        sources: Names of the sources, in the order of the slates' columns.
    """

    def __init__(self, vocabulary: Vocabulary, sources: Sequence[str]) -> None:
        self._ids = vocabulary.ids
        encoded = [_text(_SOURCE, name) for name in sources]
        self._sources = np.frombuffer(b"".join(encoded), np.uint8)
        self._source_ends = np.cumsum([len(part) for part in encoded])
        longest = max(MAX_ID_BYTES, int(np.diff(self._ids.offsets).max(initial=0)))  # new items have ids of any length
        self._most_bytes = _FIXED_BYTES + longest + len(self._sources)

    def write(self, slates: Sequence[Slate]) -> None:
        """Fill in what each slate's items are as bytes: a RecommendedItem each, explanations left out."""
        counts = np.array([len(slate.rows) for slate in slates])
        rows = np.concatenate([slate.rows for slate in slates])
        scores = np.concatenate([slate.scores for slate in slates] + [slate.retrieval_scores for slate in slates])
        ranks = np.concatenate([slate.source_ranks for slate in slates])
        written = np.empty(len(rows) * self._most_bytes, np.uint8)
        ends = np.empty(len(slates), np.int64)
        numbers = scores.view(np.uint8).reshape(2, len(rows), 4)
        places = rows.astype(np.int64) - FIRST_ITEM_ROW
        _write(counts, places, numbers, ranks, *_arrays(self._ids), self._sources, self._source_ends, written, ends)
        of_all, begin = written.data, 0
        for slate, end in zip(slates, ends.tolist(), strict=True):
            slate.items, begin = bytes(of_all[begin:end]), end


def _arrays(strings: StringTable) -> tuple[I64, U8]:
    return strings.offsets, strings.utf8


@compiled(filled(BYTE, 1), LONG, LONG)
def _put_varint(target: U8, at: int, number: int) -> int:
    while number > 0x7F:
        target[at] = number & 0x7F | 0x80
        number >>= 7
        at += 1
    target[at] = number
    return at + 1


@compiled(LONG)
def _varint_size(number: int) -> int:
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@compiled(
    given(LONG, 1),
    given(LONG, 1),
    given(BYTE, 3),
    given(INT, 2),
    given(LONG, 1),
    given(BYTE, 1),
    given(BYTE, 1),
    given(LONG, 1),
    filled(BYTE, 1),
    filled(LONG, 1),
)
def _write(
    counts: I64,
    places: I64,
    numbers: U8,
    ranks: I32,
    offsets: I64,
    utf8: U8,
    sources: U8,
    source_ends: I64,
    written: U8,
    ends: I64,
) -> None:
    """Write the items of all slates one after the other; `numbers` are scores and retrieval scores, little-endian."""
    order = np.empty(ranks.shape[1], np.int64)
    item, at = 0, 0
    for slate in range(len(counts)):
        for rank in range(1, counts[slate] + 1):
            # The sources that proposed the item, the best rank first; ties stay in the sources' order.
            proposed, sources_size = 0, 0
            for source in range(ranks.shape[1]):
                if ranks[item, source] == 0:
                    continue
                place = proposed
                while place and ranks[item, order[place - 1]] > ranks[item, source]:
                    order[place] = order[place - 1]
                    place -= 1
                order[place] = source
                proposed += 1
                sources_size += source_ends[source] - (source_ends[source - 1] if source else 0)
            begin, end = offsets[places[item]], offsets[places[item] + 1]
            written[at] = _ITEMS
            body = 1 + _varint_size(end - begin) + end - begin + 10 + 1 + _varint_size(rank) + sources_size
            at = _put_varint(written, at + 1, body)
            written[at] = _ID
            at = _put_varint(written, at + 1, end - begin)
            written[at : at + end - begin] = utf8[begin:end]
            at += end - begin
            written[at] = _SCORE
            written[at + 1 : at + 5] = numbers[0, item]
            written[at + 5] = _RETRIEVAL
            written[at + 6 : at + 10] = numbers[1, item]
            written[at + 10] = _RANK
            at = _put_varint(written, at + 11, rank)
            for place in range(proposed):
                source = order[place]
                begin, end = source_ends[source - 1] if source else 0, source_ends[source]
                written[at : at + end - begin] = sources[begin:end]
                at += end - begin
            item += 1
        ends[slate] = at


def stages_field(message: Descriptor, stages: Stages) -> bytes:
    """Encode the field `stages` of a message: a StageTiming for each of (name, seconds)."""
    tag = _tag(message, "stages", _BYTES)
    parts: list[bytes] = []
    for name, seconds in stages:
        body = _name(name) + varint(round(seconds * 1e6))
        parts += (tag, varint(len(body)), body)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _name(stage: str) -> bytes:
    return _text(_NAME, stage) + _MICROSECONDS
