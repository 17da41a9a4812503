"""BentoML: one service, adaptive batching by its dispatcher, which decides itself how long a batch waits.

An async method runs inline on the event loop, any other on the pool of threads. A batchable method takes and gives
lists, so a request's user becomes a list of one, and its answer is one.
"""

from functools import partial
from typing import Annotated, Any

import bentoml
import orjson
from pydantic import BeforeValidator
from starlette.responses import Response

from loadtest.peers.work import BATCHES_IN_FLIGHT, Answer, PeerSettings, open_work

SETTINGS = PeerSettings()
_MAX_LATENCY_MS = 10_000
"""The dispatcher refuses what it expects to take longer; none of this benchmark's requests shall be refused."""
_batched = partial(
    bentoml.api,
    route="/recommend",
    batchable=True,
    max_batch_size=max(SETTINGS.batch, 2),  # 1 is refused, also where this is not served
    max_latency_ms=_MAX_LATENCY_MS,
)
OneUser = Annotated[list[str], BeforeValidator(lambda user_id: [user_id])]


def _json(answer: Answer) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")


class _Base:
    def __init__(self) -> None:
        self.work = open_work(SETTINGS)


class _Inline(_Base):
    @bentoml.api(route="/recommend")
    async def recommend(self, user_id: str) -> Any:  # BentoML has no schema for a Response
        return _json(self.work.answer([user_id])[0])


class _Pooled(_Base):
    @bentoml.api(route="/recommend")
    def recommend(self, user_id: str) -> Any:  # BentoML has no schema for a Response
        return _json(self.work.answer([user_id])[0])


class _InlineBatches(_Base):
    @_batched()
    async def recommend(self, user_id: OneUser) -> list[dict[str, Any]]:
        return self.work.answer(user_id)


class _PooledBatches(_Base):
    @_batched()
    def recommend(self, user_id: OneUser) -> list[dict[str, Any]]:
        return self.work.answer(user_id)


_BY_BATCHED_AND_POOLED = {
    (False, False): _Inline,
    (False, True): _Pooled,
    (True, False): _InlineBatches,
    (True, True): _PooledBatches,
}

Recommender = bentoml.service(
    _BY_BATCHED_AND_POOLED[SETTINGS.batch > 1, SETTINGS.has_pool],
    name="recommender",
    workers=SETTINGS.workers,
    threads=BATCHES_IN_FLIGHT,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
