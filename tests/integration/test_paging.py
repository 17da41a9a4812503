"""Paging over the wire: pages of one user never repeat an item, whatever happens between them, and whoever answers."""

from collections.abc import Iterator
from itertools import cycle, islice

import grpc
import pytest

from shortlist.client import Client
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2, recommender_pb2
from support.catalogs import gateways, in_categories, upsert
from support.gateways import TIMEOUT_S, Reached, failure_of, item_ids
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import ITEMS, POPULAR, item_id

EVERYTHING = {item_id(number) for number in range(ITEMS)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, tiny_release: Release) -> Iterator[list[Reached]]:
    """Run two gateways as processes of their own, over a Valkey whose catalogue no other test knows."""
    directory = tmp_path_factory.mktemp("paging")
    with Valkey(directory) as store:
        store.fill(tiny_release)
        with gateways(tiny_release, store.url, directory, 2) as reached:
            yield reached


@pytest.mark.parametrize("diversity", [0.0, 0.7])
@pytest.mark.parametrize("limit", [7, 50])
def test_pages_show_every_item_that_may_be_shown_once(gateway: Reached, limit: int, diversity: float) -> None:
    seen = set(gateway.recommend("user-00", explain=True).user.recent_item_ids)
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        pages = [item_ids(answer) for answer in client.pages("user-00", limit=limit, diversity=diversity)]

    shown = [item for page in pages for item in page]
    assert len(shown) == len(set(shown))
    assert set(shown) == EVERYTHING - seen
    assert pages[-1] == []
    assert max(map(len, pages)) == limit


def test_who_is_not_known_pages_through_the_popular_items(gateway: Reached) -> None:
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        answers = list(client.pages("nobody", limit=20))

    assert [len(answer.items) for answer in answers] == [20, 20, 10, 0]
    assert len({item for answer in answers for item in item_ids(answer)}) == POPULAR
    assert all(answer.cold_start for answer in answers)


def test_a_filter_holds_on_every_page(gateway: Reached) -> None:
    condition = recommender_pb2.Filter(include_categories=["Tea"], exclude_seen=False)
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        shown = [item for answer in client.pages("user-01", limit=3, condition=condition) for item in item_ids(answer)]

    assert sorted(shown) == [item_id(number) for number in range(0, ITEMS, 6)]


def test_two_gateways_in_turn_repeat_nothing_while_the_user_goes_on(pair: list[Reached]) -> None:
    shown: list[str] = []
    hidden: list[str] = []
    token, version = "", 0
    with Client(pair[0].address, timeout_s=TIMEOUT_S) as one, Client(pair[1].address, timeout_s=TIMEOUT_S) as other:
        for asked, told in islice(cycle([(one, other), (other, one)]), ITEMS):
            answer = asked.recommend("user-02", limit=5, session_token=token, min_row_version=version)
            assert not set(hidden) & set(item_ids(answer))
            assert not answer.degraded
            shown += item_ids(answer)
            token = answer.session_token
            if not token:
                break
            hidden += sorted(EVERYTHING - set(shown) - set(hidden))[:1]
            told.record("user-02", shown[-1], "click")
            version = told.record("user-02", hidden[-1], "hide").row_version

    assert not token, "the pages come to an end"
    assert len(shown) == len(set(shown))
    assert len(shown) > ITEMS // 2


def test_an_item_that_came_after_the_release_is_on_one_page_only(pair: list[Reached]) -> None:
    new = [f"kettle-{number}" for number in range(6)]
    upsert(pair[0], *(catalog_pb2.Item(item_id=item, title="Kettle", categories=["Home", "Kettles"]) for item in new))
    for reached in pair:
        wait_until(lambda reached=reached: set(in_categories(reached, ["Kettles"])) == set(new), "all are there", 5)
    condition, token, shown = recommender_pb2.Filter(include_categories=["Kettles"]), "", list[str]()
    for turn in range(4):
        answer = pair[turn % 2].recommend("user-03", limit=2, filter=condition, session_token=token)
        shown += item_ids(answer)
        token = answer.session_token

    assert sorted(shown) == new
    assert token == ""


def test_requests_of_one_batch_each_have_pages_of_their_own(gateway: Reached) -> None:
    users = ("user-04", "user-05", "nobody")
    tokens, shown = ["", "", ""], dict[str, list[str]](zip(users, ([], [], []), strict=True))
    for _ in range(3):
        batch = recommender_pb2.RecommendBatchRequest(
            requests=[
                recommender_pb2.RecommendRequest(user_id=user, limit=10, session_token=token)
                for user, token in zip(users, tokens, strict=True)
            ]
        )
        answers = [result.response for result in gateway.call_batch(batch, timeout=TIMEOUT_S).results]
        tokens = [answer.session_token for answer in answers]
        for user, answer in zip(users, answers, strict=True):
            shown[user] += item_ids(answer)

    assert [len(own) for own in shown.values()] == [30, 30, 30]
    assert [len(set(own)) for own in shown.values()] == [30, 30, 30]


def test_an_answer_repeats_where_no_token_is_sent(gateway: Reached) -> None:
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        first, second = (next(islice(client.pages("user-06", limit=10), 1)) for _ in range(2))

    assert set(item_ids(first)) & set(item_ids(second))


def test_a_damaged_token_is_refused_by_its_field(gateway: Reached) -> None:
    token = gateway.recommend("user-00").session_token
    for damaged in (token[:-2], "x" + token[1:], "page 2"):
        request = recommender_pb2.RecommendRequest(user_id="user-00", session_token=damaged)
        error = failure_of(gateway.call.future(request, timeout=TIMEOUT_S))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert error.details() == "session_token: is not as an answer gave it"
