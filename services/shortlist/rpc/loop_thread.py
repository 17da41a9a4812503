"""An event loop in a thread of its own, for code that is not asynchronous itself.

What runs on the loop is the owner's; here are only the ways in (from any thread) and the way out.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs a loop from construction until `close`."""

    def __init__(self, name: str) -> None:
        self._resolved: list[tuple[asyncio.Future[Any], object]] = []
        self._lock = threading.Lock()
        running: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        # A daemon: a process that fails before it stops its servers still ends.
        self._thread = threading.Thread(target=lambda: asyncio.run(self._stay(running)), name=name, daemon=True)
        self._thread.start()
        self.loop = running.result()

    async def _stay(self, running: concurrent.futures.Future[asyncio.AbstractEventLoop]) -> None:
        self._closed = asyncio.Event()
        running.set_result(asyncio.get_running_loop())
        await self._closed.wait()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begin a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result; not to be called on the loop's own thread."""
        return self.submit(coroutine).result()

    def resolve(self, future: asyncio.Future[T], result: T) -> bool:
        """Set a future's result from any thread; False once the loop has ended.

        A wake-up writes to a socket, so futures that are resolved while one is under way share it.
        """
        with self._lock:
            if not self._resolved:
                try:
                    self.loop.call_soon_threadsafe(self._flush)
                except RuntimeError:
                    return False
            self._resolved.append((future, result))
            return True

    def _flush(self) -> None:
        with self._lock:
            resolved, self._resolved = self._resolved, []
        for future, result in resolved:
            if not future.done():
                future.set_result(result)

    def close(self) -> None:
        """Cancel what still runs on the loop and wait until its thread has ended."""
        self.loop.call_soon_threadsafe(self._closed.set)
        self._thread.join()
