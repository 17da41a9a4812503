"""Servers that misbehave on purpose: a proxy that holds what passes, and a Triton that answers nonsense or never."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from shortlist.core.arrays import AnyArray
from shortlist.rpc.loop_thread import LoopThread

Answer = Callable[[AnyArray], AnyArray]
"""Makes scores from candidates (B, N); what it returns may be of any shape."""


def even(candidates: AnyArray) -> AnyArray:
    """Score every candidate alike."""
    return np.zeros(candidates.shape, np.float32)


class TcpProxy:
    """Passes bytes on to a port of this host; while it is held it accepts connections and passes nothing."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._thread = LoopThread("tcp-proxy")
        self.port = self._thread.run(self._listen())

    async def _listen(self) -> int:
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, forth), self._pump(back, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while passed := await reader.read(65_536):
                await self._flows.wait()
                writer.write(passed)
        except ConnectionError:
            pass  # one side is gone: so is the other
        finally:
            writer.close()

    def hold(self) -> None:
        """Pass nothing from now on."""
        self._thread.loop.call_soon_threadsafe(self._flows.clear)

    def let_go(self) -> None:
        """Pass what was held, and what comes."""
        self._thread.loop.call_soon_threadsafe(self._flows.set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.close()


class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # has no types
    """Says that every model is ready, and scores as it is told; while it is held it keeps calls unanswered."""

    def __init__(self, answer: Answer = even) -> None:
        self.answer = answer
        self.batches: list[int] = []
        """Requests of each ModelInfer that came, in order."""
        self._lets_go = threading.Event()
        self._lets_go.set()
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def hold(self) -> None:
        """Answer nothing from now on."""
        self._lets_go.clear()

    def let_go(self) -> None:
        """Answer what was held, and what comes."""
        self._lets_go.set()

    def ModelReady(self, _request: Any, _context: grpc.ServicerContext) -> service_pb2.ModelReadyResponse:  # noqa: N802
        """Say yes."""
        return service_pb2.ModelReadyResponse(ready=True)

    def ModelInfer(self, request: Any, _context: grpc.ServicerContext) -> service_pb2.ModelInferResponse:  # noqa: N802
        """Score with `answer`."""
        names = [tensor.name for tensor in request.inputs]
        place = names.index("candidates")
        candidates = np.frombuffer(request.raw_input_contents[place], np.int32).reshape(request.inputs[place].shape)
        self.batches.append(len(candidates))
        self._lets_go.wait(30.0)
        scores = self.answer(candidates)
        response = service_pb2.ModelInferResponse(raw_output_contents=[scores.tobytes()])
        response.outputs.add(name="score", datatype="FP32", shape=scores.shape)
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.stop(grace=None).wait()
