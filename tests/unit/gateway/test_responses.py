import numpy as np

from shortlist.core.types import Degraded
from shortlist.gateway import responses
from shortlist.gateway.slate import ItemExplanation, Slate, UserKnowledge
from shortlist.gateway.wire import ItemWriter
from shortlist.release.bundle import Release
from shortlist.release.vocabulary import Vocabulary
from shortlist.v1 import recommender_pb2
from support.tiny_release import ITEMS, SOURCES, item_id

STAGES = [("queue", 0.0005), ("rank", 0.0012344)]
REQUEST_ID = "00" * 16
VOCABULARY = Vocabulary.build(map(item_id, range(ITEMS)))


def slate_of(**changes: object) -> Slate:
    """Make a slate of items 3 and 5, proposed by tower and popular list."""
    fields = {
        "rows": np.array([5, 7], np.int32),
        "scores": np.array([2.5, 1.5], np.float32),
        "retrieval_scores": np.array([1.0, 0.25], np.float32),
        "source_scores": np.array([[0.5, 0.0, 1.0], [0.25, 0.0, 0.0]], np.float32),
        "source_ranks": np.array([[2, 0, 1], [4, 0, 0]], np.int32),
        "ranker": "triton",
    }
    slate = Slate(**(fields | changes))  # type: ignore[arg-type]
    ItemWriter(VOCABULARY, SOURCES).write([slate])
    return slate


def recommend_response(slate: Slate, release: Release) -> recommender_pb2.RecommendResponse:
    """Encode an answer to Recommend and read it again."""
    return recommender_pb2.RecommendResponse.FromString(
        responses.recommend_response(slate, STAGES, release, REQUEST_ID)
    )


def test_items_come_with_their_ranks_scores_and_sources_best_first(tiny_release: Release) -> None:
    first, second = recommend_response(slate_of(), tiny_release).items
    assert (first.item_id, first.rank, first.score, first.retrieval_score) == (item_id(3), 1, 2.5, 1.0)
    assert list(first.sources) == ["popular", "tower"]
    assert (second.item_id, second.rank, list(second.sources)) == (item_id(5), 2, ["tower"])
    assert not first.HasField("explanation")


def test_an_answer_names_its_release_ranker_and_steps(tiny_release: Release) -> None:
    slate = slate_of(degraded=(Degraded.STALE_FEATURES,), is_cold_start=True)
    response = recommend_response(slate, tiny_release)
    assert (response.release, response.ranker, response.cold_start) == ("tiny", "triton", True)
    assert list(response.degraded) == [Degraded.STALE_FEATURES]


def test_stages_are_given_in_microseconds(tiny_release: Release) -> None:
    timings = recommend_response(slate_of(), tiny_release).stages
    assert [(timing.stage, timing.microseconds) for timing in timings] == [("queue", 500), ("rank", 1234)]


def test_every_kind_of_answer_with_items_carries_the_id_of_its_request(tiny_release: Release) -> None:
    for encode, kind in (
        (responses.recommend_response, recommender_pb2.RecommendResponse),
        (responses.rank_response, recommender_pb2.RankResponse),
        (responses.similar_response, recommender_pb2.SimilarItemsResponse),
    ):
        assert kind.FromString(encode(slate_of(), STAGES, tiny_release, REQUEST_ID)).request_id == REQUEST_ID


def test_an_explanation_names_every_feature_and_neighbour(tiny_release: Release) -> None:
    names = tiny_release.manifest.features.candidate_dense
    features = np.arange(len(names), dtype=np.float32)
    explained = tuple(ItemExplanation(features, ((9, 0.75),)) for _ in range(2))
    first = recommend_response(slate_of(explanations=explained), tiny_release).items[0].explanation
    assert {feature.name: feature.value for feature in first.features} == dict(
        zip(names, features.tolist(), strict=True)
    )
    assert [(source.source, source.rank, source.score) for source in first.sources] == [
        ("popular", 1, 1.0),
        ("tower", 2, 0.5),
    ]
    assert [(near.item_id, near.similarity) for near in first.neighbours] == [(item_id(7), 0.75)]


def test_what_was_known_of_the_user_is_named(tiny_release: Release) -> None:
    user = recommend_response(slate_of(user=UserKnowledge((4, 9), 12, 3)), tiny_release).user
    assert list(user.recent_item_ids) == [item_id(2), item_id(7)]
    assert (user.event_count, user.row_version) == (12, 3)


def test_rank_names_the_candidates_that_nobody_knows(tiny_release: Release) -> None:
    encoded = responses.rank_response(slate_of(unknown_ids=("gone",)), STAGES, tiny_release, REQUEST_ID)
    response = recommender_pb2.RankResponse.FromString(encoded)
    assert list(response.unknown_item_ids) == ["gone"]
    assert [item.item_id for item in response.items] == [item_id(3), item_id(5)]


def test_similar_items_names_no_sources(tiny_release: Release) -> None:
    slate = slate_of(source_ranks=np.zeros((2, 3), np.int32))
    encoded = responses.similar_response(slate, STAGES, tiny_release, REQUEST_ID)
    items = recommender_pb2.SimilarItemsResponse.FromString(encoded).items
    assert [list(item.sources) for item in items] == [[], []]


def test_an_empty_slate_is_an_empty_answer(tiny_release: Release) -> None:
    nothing = slate_of(**{name: getattr(slate_of(), name)[:0] for name in (
        "rows", "scores", "retrieval_scores", "source_scores", "source_ranks"
    )})  # fmt: skip
    assert list(recommend_response(nothing, tiny_release).items) == []


def test_items_have_the_same_place_in_every_kind_of_answer() -> None:
    """They are written once, whatever the answer."""
    kinds = (
        recommender_pb2.RecommendResponse,
        recommender_pb2.RankResponse,
        recommender_pb2.SimilarItemsResponse,
    )
    assert {kind.DESCRIPTOR.fields_by_name["items"].number for kind in kinds} == {1}
