"""The peers of the benchmark do our gateway's work: the same items with the same scores."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from loadtest.peers.environments import PEERS, installed
from loadtest.peers.run import PeerChoice, running
from loadtest.peers.work import LIMIT, Work
from rich.console import Console

from shortlist.release.bundle import Release
from shortlist.v1.recommender_pb2 import Context
from support.gateways import Reached, item_ids
from support.real_servers import Valkey

NOW_S = int(time.time()) + 3600
"""One moment for all calls that are compared: ages of events are features."""
USERS = [f"user-{user:02}" for user in range(8)]


@pytest.fixture
def work(tiny_release: Release, valkey: Valkey) -> Iterator[Work]:
    with closing(Work(tiny_release.path, valkey.url, lambda: float(NOW_S))) as opened:
        yield opened


def test_a_peers_work_gives_what_the_gateway_answers_for_the_same_moment(work: Work, local_gateway: Reached) -> None:
    answers = work.answer(USERS)
    for user, answer in zip(USERS, answers, strict=True):
        ours = local_gateway.recommend(user, limit=LIMIT, context=Context(time=Timestamp(seconds=NOW_S)))
        assert not ours.degraded
        assert not ours.cold_start
        assert answer["items"] == item_ids(ours)
        assert answer["scores"] == pytest.approx([item.score for item in ours.items], abs=1e-5)
        assert len(answer["items"]) == LIMIT


def test_a_user_is_answered_the_same_alone_and_in_a_batch(work: Work) -> None:
    alone = [work.answer([user])[0] for user in USERS]
    for ours, batched in zip(alone, work.answer(USERS), strict=True):
        assert ours["items"] == batched["items"]
        assert ours["scores"] == pytest.approx(batched["scores"], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("choice", [PeerChoice(), PeerChoice(2, 8, 1.0, has_pool=True)], ids=["alone", "batched"])
@pytest.mark.parametrize("peer", PEERS)
def test_a_running_peer_gives_the_answers_of_its_work(
    peer: str, choice: PeerChoice, tiny_release: Release, valkey: Valkey
) -> None:
    if installed(peer) is None:
        pytest.skip(f"the environment of {peer} is not installed: python -m loadtest.peers.sweep makes it")
    with (
        closing(Work(tiny_release.path, valkey.url, time.time)) as work,
        running(peer, choice, tiny_release.path, valkey.url, USERS[0], Console(stderr=True)) as endpoint,
    ):
        for user in USERS:
            answer, [ours] = endpoint.ask(user), work.answer([user])
            assert answer["items"] == ours["items"]
            assert answer["scores"] == pytest.approx(ours["scores"], abs=1e-4)
