"""Consumers of events as processes of their own: `python -m shortlist.features`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shortlist.local.probes import http_answers
from support.gateway_process import ServiceProcess, starting
from support.gateways import Reached
from support.real_servers import free_ports
from support.running_cluster import wait_until

MODULE = "shortlist.features"


@dataclass(frozen=True, slots=True)
class ConsumerProcess:
    """A running consumer."""

    process: ServiceProcess
    metrics_port: int

    def count(self, sample: str, **labels: str) -> float:
        """Add up the samples of this name whose labels include the given ones."""
        return Reached(self.metrics_port, self.metrics_port).count(sample, **labels)


@contextmanager
def consuming(redis_url: str, directory: Path, *, name: str = "first", wait: bool = True) -> Iterator[ConsumerProcess]:
    """Run a consumer that is healthy inside the `with`, unless nobody waits for that, and gone after it."""
    port = free_ports().metrics
    settings = {
        "SHORTLIST_FEATURES_REDIS_URL": redis_url,
        "SHORTLIST_FEATURES_METRICS_ADDRESS": f"127.0.0.1:{port}",
        "SHORTLIST_FEATURES_MERGE_S": "0.2",
    }
    own = directory / name
    own.mkdir(exist_ok=True)
    with starting(settings, own, MODULE) as process:
        if wait:
            wait_until(lambda: http_answers(port, "/health") or process.has_ended, "the consumer is healthy", 30.0)
            assert not process.has_ended, process.log
        yield ConsumerProcess(process, port)
