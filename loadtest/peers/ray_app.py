"""Ray Serve in its throughput-optimised form: HAProxy before the replicas, `serve.batch` in each of them.

`loadtest.peers.run` sets the environment for it (`RAY_SERVE_THROUGHPUT_OPTIMIZED`, `RAY_SERVE_ENABLE_HA_PROXY`). There
is no dashboard. Requests come over loopback, but Ray's daemons, its replicas and HAProxy listen on every interface and
cannot be told otherwise: run it in a network namespace (`unshare -rn`) where that matters.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import orjson
import ray
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.requests import Request
from starlette.responses import Response

from loadtest.peers.work import BATCHES_IN_FLIGHT, Answer, PeerSettings, open_work

SETTINGS = PeerSettings()
_OBJECT_STORE_BYTES = 80_000_000
"""Nothing is put into it: Ray's least."""


@serve.deployment(
    num_replicas=SETTINGS.workers,
    max_ongoing_requests=1024,  # 5 would hide the batches from one another
    ray_actor_options={"num_cpus": 1},
)
class Recommender:
    """Answers {"user_id": ...}."""

    def __init__(self) -> None:
        self._work = open_work(SETTINGS)
        self._pool = ThreadPoolExecutor(BATCHES_IN_FLIGHT)

    async def __call__(self, request: Request) -> Response:
        """Answer a request, in a batch where they are asked for."""
        user_id = orjson.loads(await request.body())["user_id"]
        answer = await self._gathered(user_id) if SETTINGS.batch > 1 else (await self._run([user_id]))[0]
        return Response(orjson.dumps(answer), media_type="application/json")

    @serve.batch(
        max_batch_size=SETTINGS.batch,
        batch_wait_timeout_s=SETTINGS.wait_ms / 1e3,
        max_concurrent_batches=BATCHES_IN_FLIGHT if SETTINGS.has_pool else 1,
    )
    async def _gathered(self, user_ids: list[str]) -> list[Answer]:
        return await self._run(user_ids)

    async def _run(self, user_ids: Sequence[str]) -> list[Answer]:
        if not SETTINGS.has_pool:
            return self._work.answer(user_ids)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._work.answer, user_ids)


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    ray.init(
        num_cpus=SETTINGS.workers + 1,
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        _temp_dir=os.environ["RAY_TMPDIR"],
        _node_ip_address="127.0.0.1",
    )
    try:
        serve.start(http_options=HTTPOptions(host="127.0.0.1", port=SETTINGS.port))
        serve.run(Recommender.bind(), route_prefix="/recommend")
        signal.pause()
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
