"""Items and stages written as bytes against the same made of protobuf objects."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.gateway.slate import Slate
from shortlist.gateway.wire import ItemWriter, stages_field, varint
from shortlist.release.vocabulary import Vocabulary
from shortlist.v1 import recommender_pb2

NAMES = ("tower", "ease", "popular")
IDS = [f"item-{number}" for number in range(50)] + ["é" * 128, "x" * 200]
VOCABULARY = Vocabulary.build(IDS)
KINDS = (
    recommender_pb2.RecommendResponse,
    recommender_pb2.RankResponse,
    recommender_pb2.SimilarItemsResponse,
)


def naive(slate: Slate) -> list[recommender_pb2.RecommendedItem]:
    """Make the items one by one."""
    items = []
    for place, row in enumerate(slate.rows.tolist()):
        ranks = slate.source_ranks[place].tolist()
        proposed = sorted((rank, source) for source, rank in enumerate(ranks) if rank)
        items.append(
            recommender_pb2.RecommendedItem(
                item_id=IDS[row - 2],
                score=slate.scores[place],
                rank=place + 1,
                retrieval_score=slate.retrieval_scores[place],
                sources=[NAMES[source] for _, source in proposed],
            )
        )
    return items


@st.composite
def slates(draw: st.DrawFn) -> Slate:
    """Draw slates of up to 300 items, beyond where a rank has one byte."""
    count = draw(st.sampled_from([0, 1, 3, 20, 300]))
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    return Slate(
        random.integers(2, 2 + len(IDS), count).astype(np.int32),
        (random.normal(size=count) * 100).astype(np.float32),
        random.random(count).astype(np.float32),
        np.zeros((count, len(NAMES)), np.float32),
        random.integers(0, 4, (count, len(NAMES))).astype(np.int32),
    )


@given(slates(), st.sampled_from(KINDS))
def test_items_are_those_of_protobuf(slate: Slate, kind: type[recommender_pb2.RecommendResponse]) -> None:
    other = Slate(slate.rows[:1], slate.scores[:1], slate.scores[:1], slate.source_scores[:1], slate.source_ranks[:1])
    ItemWriter(VOCABULARY, NAMES).write([other, slate, other])
    assert list(kind.FromString(slate.items).items) == naive(slate)
    assert list(kind.FromString(other.items).items) == naive(other)


@given(
    st.lists(st.tuples(st.sampled_from(["queue", "rank", "ease"]), st.floats(0.0, 4000.0)), max_size=12),
    st.sampled_from(KINDS),
)
def test_stages_are_those_of_protobuf(
    stages: list[tuple[str, float]], kind: type[recommender_pb2.RecommendResponse]
) -> None:
    written = kind.FromString(stages_field(kind.DESCRIPTOR, stages))
    assert [(timing.stage, timing.microseconds) for timing in written.stages] == [
        (name, round(seconds * 1e6)) for name, seconds in stages
    ]


@given(st.integers(0, 1 << 40))
def test_a_varint_is_read_back(number: int) -> None:
    read = 0
    for place, byte in enumerate(varint(number)):
        read |= (byte & 0x7F) << 7 * place
    assert read == number
