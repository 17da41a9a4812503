"""FastAPI under uvicorn, with uvloop and httptools: what most people would write first.

FastAPI does not batch, so requests gather in an asyncio queue here where a batch is asked for. Bodies and answers pass
by orjson and not by pydantic's models, which is the fastest that FastAPI can do.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import orjson
from fastapi import FastAPI, Request, Response

from loadtest.peers.work import BATCHES_IN_FLIGHT, Answer, PeerSettings, open_work

Run = Callable[[Sequence[str]], Awaitable[list[Answer]]]


class Batcher:
    """Gathers requests until a batch is full or its first has waited long enough.

    With no wait a batch is what has arrived while those before it ran.
    """

    def __init__(self, run: Run, batch: int, wait_s: float) -> None:
        self._run, self._batch, self._wait_s = run, batch, wait_s
        self._waiting: asyncio.Queue[tuple[str, asyncio.Future[Answer]]] = asyncio.Queue()

    async def answer(self, user_id: str) -> Answer:
        """Wait for the answer of a batch."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((user_id, future))
        return await future

    async def serve(self) -> None:
        """Run one batch after another; each task of this is one in flight."""
        while True:
            batch = [await self._waiting.get()]
            await self._gather(batch)
            try:
                answers = await self._run([user_id for user_id, _ in batch])
            except Exception as error:  # whatever it was, the callers are told and the next batch runs
                for _, future in batch:
                    future.cancelled() or future.set_exception(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    future.cancelled() or future.set_result(answer)
            await asyncio.sleep(0)  # the answers leave before the next batch

    async def _gather(self, batch: list[tuple[str, asyncio.Future[Answer]]]) -> None:
        if self._wait_s:
            try:
                async with asyncio.timeout(self._wait_s):
                    while len(batch) < self._batch:
                        batch.append(await self._waiting.get())
            except TimeoutError:
                return
        while len(batch) < self._batch and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the work, and start as many batches as may be in flight."""
    settings = PeerSettings()
    work = open_work(settings)
    pool = ThreadPoolExecutor(BATCHES_IN_FLIGHT)
    loop = asyncio.get_running_loop()

    async def inline(user_ids: Sequence[str]) -> list[Answer]:
        return work.answer(user_ids)

    async def pooled(user_ids: Sequence[str]) -> list[Answer]:
        return await loop.run_in_executor(pool, work.answer, user_ids)

    run = pooled if settings.has_pool else inline
    batcher = Batcher(run, settings.batch, settings.wait_ms / 1e3)

    async def alone(user_id: str) -> Answer:
        return (await run([user_id]))[0]

    app.state.answer = batcher.answer if settings.batch > 1 else alone
    in_flight = BATCHES_IN_FLIGHT if settings.has_pool else 1
    tasks = [loop.create_task(batcher.serve()) for _ in range(in_flight)]
    yield
    for task in tasks:
        task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/recommend")
async def recommend(request: Request) -> Response:
    """Answer {"user_id": ...}."""
    user_id = orjson.loads(await request.body())["user_id"]
    return Response(orjson.dumps(await request.app.state.answer(user_id)), media_type="application/json")
