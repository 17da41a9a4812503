"""Everything that the dashboards look at, running: gateway, consumers, edge, Triton, Valkey, exporter, Prometheus."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shortlist.local.parts import Part
from shortlist.local.probes import http_answers
from shortlist.local.triton import triton_part
from shortlist.release.bundle import Release
from support.edge import edge
from support.feature_processes import consuming
from support.gateway_process import running, settings_of
from support.gateways import Reached, reaching
from support.mixed_calls import burst, calling
from support.prometheus_server import Prometheus, program
from support.real_servers import SECRET_FILE, Server, Valkey, free_ports, triton_installation

PAUSE_S = 0.01
"""What each caller waits between calls."""
_HELD_BYTES = 8192
"""Fewer than the users' rows take: while Valkey is away, some answers are stale and some have no row."""
COUNTED = 20
"""Of what a phase is about, Prometheus has seen at least so many before the next begins."""


@dataclass(frozen=True, slots=True)
class MonitoredCluster:
    """A running cluster; `direct` reaches the gateway itself, `through` by way of the edge."""

    release: Release
    valkey: Valkey
    triton: Server
    direct: Reached
    through: Reached
    prometheus: Prometheus


@contextmanager
def monitored_cluster(release: Release, directory: Path) -> Iterator[MonitoredCluster]:
    """Run a cluster on free ports until the end of the `with`; skip the test where a server is not installed."""
    exporter, _ = program("prometheus-redis-exporter"), program("prometheus")
    own, triton_ports = free_ports(), free_ports()
    with ExitStack() as stack:
        valkey = stack.enter_context(Valkey(directory))
        valkey.fill(release)
        part = triton_part(triton_installation(), triton_ports, directory, SECRET_FILE)
        triton = stack.enter_context(Server(replace(part, grace_s=0.0), directory))
        settings = settings_of(
            release.path,
            own.gateway,
            gateway_metrics_address=f"127.0.0.1:{own.metrics}",
            gateway_start_wait_s="30",
            gateway_max_waiting="512",
            gateway_front="grpcio",
            features_redis_url=valkey.url,
            features_near_cache_bytes=str(_HELD_BYTES),
            ranking_backend="triton",
            ranking_triton_address=f"127.0.0.1:{triton_ports.triton_grpc}",
            ranking_triton_secret_file=str(SECRET_FILE),
        )
        stack.enter_context(running(settings, own.gateway, directory))
        consumer = stack.enter_context(consuming(valkey.url, directory))
        door = stack.enter_context(edge(directory, own.gateway))
        stack.enter_context(Server(_redis_exporter(exporter, valkey, own.redis), directory))
        targets = {
            "gateway": own.metrics,
            "features": consumer.metrics_port,
            "triton": triton_ports.triton_metrics,
            "redis": own.redis,
            "edge": door.metrics_port,
        }
        prometheus = stack.enter_context(Prometheus(directory, targets))
        direct = stack.enter_context(reaching(own.gateway, own.metrics))
        through = stack.enter_context(reaching(door.plain_port, own.metrics))
        yield MonitoredCluster(release, valkey, triton, direct, through, prometheus)


@dataclass(frozen=True, slots=True)
class Run:
    """When a run began and ended and when which part was away, in seconds since 1970."""

    start_s: float
    end_s: float
    faults: tuple[tuple[str, float, float], ...]


def play(cluster: MonitoredCluster, *, should_overrun: bool, hold_s: float = 0.0) -> Run:
    """Load the cluster, take Triton and then Valkey away and bring them back.

    Args:
        cluster: Whom to load.
        should_overrun: Whether more is asked at once, in the end, than may wait.
        hold_s: How long each phase goes on after Prometheus has seen what it is about.
    """
    prometheus = cluster.prometheus
    prometheus.wait_for("count(up == 1) == 6")
    start_s = time.time()
    with calling(cluster.through, cluster.direct, cluster.release, PAUSE_S):
        prometheus.wait_for(f'min(sum by (method) (shortlist_gateway_requests_total{{code="OK"}})) >= {COUNTED // 4}')
        prometheus.wait_for(f"sum(nv_inference_exec_count) >= {COUNTED}")
        time.sleep(hold_s)
        faults = (
            _without(cluster, "triton", "ranker_unavailable", hold_s),
            _without(cluster, "redis", "features_unavailable", hold_s),
        )
        if should_overrun:
            burst(cluster.direct, list(cluster.release.histories().users))
            prometheus.wait_for("shortlist_gateway_refused_total > 0")
    return Run(start_s, time.time(), faults)


def _without(cluster: MonitoredCluster, dependency: str, reason: str, hold_s: float) -> tuple[str, float, float]:
    """Kill a dependency, let Prometheus see what that does, and bring it back to service."""
    prometheus = cluster.prometheus
    server = cluster.triton if dependency == "triton" else cluster.valkey
    gone_s = time.time()
    server.kill()
    prometheus.wait_for(f'shortlist_gateway_degraded_total{{reason="{reason}"}} >= {COUNTED}')
    prometheus.wait_for(f'shortlist_gateway_breaker_state{{dependency="{dependency}"}} == 2')
    time.sleep(hold_s)
    server.start()
    if isinstance(server, Valkey):  # which keeps nothing on disk
        server.fill(cluster.release)
    prometheus.wait_for(f'shortlist_gateway_breaker_state{{dependency="{dependency}"}} == 0')
    back_s = time.time()
    time.sleep(hold_s)
    return dependency, gone_s, back_s


def _redis_exporter(command: str, valkey: Valkey, port: int) -> Part:
    arguments = (f"-redis.addr=redis://127.0.0.1:{valkey.port}", f"-web.listen-address=127.0.0.1:{port}")
    return Part("redis-exporter", (command, *arguments), probe=lambda: http_answers(port, "/health"))
