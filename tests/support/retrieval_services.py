"""Retrieval services: one over any index in the test's process, and the real one as a process of its own."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from prometheus_client import CollectorRegistry

from shortlist.core.arrays import F16, F32
from shortlist.core.types import FIRST_ITEM_ROW, SourceList
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.microbatch import MicroBatcher
from shortlist.retrieval.filters import Bitmaps
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.port import ItemIndex
from shortlist.retrieval.remote import RETRIEVE, RemoteIndex
from shortlist.retrieval.runner import Job, SearchRunner, reject
from shortlist.retrieval.servicer import METHODS, Servicer
from shortlist.rpc.channels import open_channel
from shortlist.rpc.server import FrontKind, open_front
from shortlist.telemetry.retrieval import RetrievalMetrics
from support.front_doors import TIMEOUT_S

RETRIEVAL = "shortlist.retrieval"
CODES = [code.name for code in grpc.StatusCode]


class HeldIndex:
    """An index that keeps its callers waiting while it is held, and remembers what it searched."""

    device = "cpu"

    def __init__(self, index: ItemIndex) -> None:
        self._index, self.dimension = index, index.dimension
        self.searched: list[int] = []
        """Queries of each search that began, in order."""
        self._lets_go = threading.Event()
        self._lets_go.set()

    def __len__(self) -> int:
        return len(self._index)

    def hold(self) -> None:
        """Answer nothing from now on."""
        self._lets_go.clear()

    def let_go(self) -> None:
        """Answer what was held, and what comes."""
        self._lets_go.set()

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Search, once it may."""
        self.searched.append(len(queries))
        self._lets_go.wait(30.0)
        return self._index.search(queries, k, kept)

    def close(self) -> None:
        """Close the index."""
        self._index.close()


@dataclass(frozen=True, slots=True)
class Served:
    """An index behind a front door."""

    address: str
    registry: CollectorRegistry

    def count(self, name: str, **labels: str) -> float:
        """Read a metric."""
        value = self.registry.get_sample_value(f"shortlist_retrieval_{name}", labels)
        assert value is not None
        return value


@contextmanager
def served(
    index: ItemIndex,
    release: str = "tiny",
    *,
    front: FrontKind = "grpcio",
    workers: int = 1,
    max_batch: int = 16,
    max_waiting: int = 64,
    embeddings: F16 | None = None,
) -> Iterator[Served]:
    """Serve an index until the end of the `with`; where filters are asked for, with the embeddings by row."""
    with ExitStack() as stack:
        registry = CollectorRegistry()
        metrics = RetrievalMetrics(registry, CODES)
        batcher: MicroBatcher[Job] = MicroBatcher(
            SearchRunner(index, metrics).run,
            reject,
            workers=workers,
            max_batch=max_batch,
            max_waiting=max_waiting,
            observer=metrics,
        )
        batcher.start()
        stack.callback(batcher.stop, 1.0)
        door = open_front(front, "127.0.0.1:0", METHODS)
        stack.callback(door.stop, 1.0)
        if embeddings is None:
            embeddings = np.zeros((FIRST_ITEM_ROW + len(index), index.dimension), np.float16)
        door.start(Servicer(release, index.dimension, batcher, metrics, Bitmaps(embeddings)))
        yield Served(f"127.0.0.1:{door.port}", registry)


def remote_index(
    address: str,
    items: int,
    dimension: int,
    release: str = "tiny",
    *,
    timeout_s: float = TIMEOUT_S,
    breaker: Breaker | None = None,
) -> RemoteIndex:
    """Make the client, with a connection of its own."""
    channel = open_channel(address, retried=(RETRIEVE,), options=[("grpc.use_local_subchannel_pool", 1)])
    return RemoteIndex(channel, release, items, dimension, timeout_s, breaker or Breaker())


def service_settings(release: Path, port: int = 0, **others: str) -> dict[str, str]:
    """Name the settings of a retrieval service, and others by their names in lower case."""
    return {
        "SHORTLIST_RETRIEVAL_RELEASE": str(release),
        "SHORTLIST_RETRIEVAL_ADDRESS": f"127.0.0.1:{port}",
        "SHORTLIST_RETRIEVAL_METRICS_ADDRESS": "127.0.0.1:0",
        "SHORTLIST_RETRIEVAL_DEVICE": "cpu",
        **{f"SHORTLIST_RETRIEVAL_{name.upper()}": value for name, value in others.items()},
    }
