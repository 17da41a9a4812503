"""What a running cluster answers the users of a trial: their rows in its store, and a Recommend for each.

The counterpart of `shortlist.offline.served`. Requests name the trial's moment, and the store holds the rows as they
were then, so the gateway computes the ages of the trial, whatever its clock says.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.core.arrays import I32
from shortlist.core.errors import UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.seed import user_rows
from shortlist.gateway.requests import MAX_EXCLUDED_ITEMS
from shortlist.offline.protocol import Trial
from shortlist.offline.retriever import CANDIDATES
from shortlist.release.histories import Histories
from shortlist.release.vocabulary import Vocabulary
from shortlist.rpc.channels import open_channel
from shortlist.v1.recommender_pb2 import Context, Degraded, Filter, RecommendRequest, RecommendResponse
from shortlist.v1.recommender_pb2_grpc import RecommenderServiceStub

_TIMEOUT_S = 10.0
_IN_FLIGHT = 4
"""Calls at once: the gateway batches some of them, as it does with real traffic, and is not overloaded."""


def fill_store(redis_url: str, trial: Trial, histories: Histories) -> None:
    """Write the users' rows as they were at the trial's moment, in place of those that the cluster began with.

    Raises:
        UnavailableError: the store refused or did not answer.
    """
    rows = user_rows(histories, trial.past.vocabulary, trial.at_s, trial.at_s)
    settings = FeatureSettings(redis_url=redis_url, timeout_s=_TIMEOUT_S)
    with closing(RedisUserStore.connect(settings, connections=1)) as store:
        store.write(rows)


def bought_beyond(trial: Trial, histories: Histories) -> list[I32]:
    """List for each tested user the rows of what they bought that their stored row no longer holds.

    The protocol excludes all that was bought; the gateway knows of what the row holds, the rest has to be named.
    """
    return [
        np.setdiff1d(trial.test.histories[place], histories.rows[histories.span(user)])
        for place, user in enumerate(trial.test.users.tolist())
    ]


def requests_of(trial: Trial, beyond: Sequence[I32]) -> list[RecommendRequest]:
    """Ask for as many items as are measured, for each tested user at the trial's moment.

    Args:
        trial: Who is asked for.
        beyond: What `bought_beyond` listed; the first 1,000 of each are named, as many as a request may.
    """
    vocabulary, user_ids = trial.past.vocabulary, trial.past.user_ids
    context = Context(time=Timestamp(seconds=trial.at_s))
    return [
        RecommendRequest(
            user_id=user_ids[user],
            limit=CANDIDATES,
            context=context,
            filter=Filter(exclude_seen=True, exclude_item_ids=vocabulary.ids_of(rows[:MAX_EXCLUDED_ITEMS])),
        )
        for user, rows in zip(trial.test.users.tolist(), beyond, strict=True)
    ]


def answers_of(gateway: str, requests: Sequence[RecommendRequest]) -> list[RecommendResponse]:
    """Call Recommend for each request, a few at a time; the answers are in the order of the requests.

    Raises:
        UnavailableError: a call failed, or an answer is degraded and so says nothing of the release.
    """
    with open_channel(gateway) as channel, ThreadPoolExecutor(_IN_FLIGHT) as pool:
        recommend = RecommenderServiceStub(channel).Recommend
        try:
            answers = list(pool.map(lambda request: recommend(request, timeout=_TIMEOUT_S), requests))
        except grpc.RpcError as error:
            raise UnavailableError(
                "gateway", f"Recommend failed with {error.code().name}: {error.details()}"
            ) from error
    steps = Counter(Degraded.Name(step) for answer in answers for step in answer.degraded)
    if steps:
        degraded = sum(bool(answer.degraded) for answer in answers)
        reasons = ", ".join(f"{step} {count} times" for step, count in steps.most_common())
        raise UnavailableError(
            "gateway",
            f"{degraded} of {len(answers)} answers are degraded ({reasons}), so their quality is not the release's",
        )
    return answers


def lists_of(answers: Sequence[RecommendResponse], vocabulary: Vocabulary) -> I32:
    """Turn U answers into item rows, (U, 200), best first, 0 pads."""
    counts = np.array([len(answer.items) for answer in answers])
    held = np.arange(CANDIDATES) < counts[:, None]
    listed = np.zeros(held.shape, np.int32)
    listed[held] = vocabulary.rows_of_ids([item.item_id for answer in answers for item in answer.items])
    return listed
