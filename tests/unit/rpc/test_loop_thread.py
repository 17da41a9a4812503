import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shortlist.rpc.loop_thread import LoopThread


def test_a_coroutine_s_result_and_error_come_back() -> None:
    async def double(number: int) -> int:
        return 2 * number

    async def fail() -> None:
        raise LookupError

    thread = LoopThread("a-loop")
    try:
        assert thread.run(double(21)) == 42
        with pytest.raises(LookupError):
            thread.run(fail())
    finally:
        thread.close()
    assert "a-loop" not in {running.name for running in threading.enumerate()}


def test_futures_are_resolved_by_many_threads_and_none_is_lost() -> None:
    async def pending() -> list[asyncio.Future[int]]:
        loop = asyncio.get_running_loop()
        return [loop.create_future() for _ in range(500)]

    async def gathered(futures: list[asyncio.Future[int]]) -> list[int]:
        return await asyncio.gather(*futures)

    thread = LoopThread("a-loop")
    try:
        futures = thread.run(pending())
        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(thread.resolve, futures, range(500)))
        assert thread.submit(gathered(futures)).result(10) == list(range(500))
    finally:
        thread.close()


def test_a_future_that_is_done_already_stays_as_it_is() -> None:
    async def cancelled() -> asyncio.Future[int]:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    async def is_cancelled(future: asyncio.Future[int]) -> bool:
        return future.cancelled()

    thread = LoopThread("a-loop")
    try:
        future = thread.run(cancelled())
        assert thread.resolve(future, 1)
        assert thread.run(is_cancelled(future))
    finally:
        thread.close()


def test_nothing_is_resolved_once_the_loop_has_ended() -> None:
    async def pending() -> asyncio.Future[int]:
        return asyncio.get_running_loop().create_future()

    thread = LoopThread("a-loop")
    future = thread.run(pending())
    thread.close()
    assert not thread.resolve(future, 1)
    assert not thread.resolve(future, 2)


def test_what_still_runs_is_cancelled_on_close() -> None:
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    thread = LoopThread("a-loop")
    thread.submit(forever())
    thread.close()
    assert ended.is_set()
