"""What the hop through the edge costs: the same calls to a gateway, directly and through Envoy, alternated in one run.

`python -m loadtest.edge_hop --release DIR`; one caller in this process, which shares the cores with the servers.
"""

import argparse
import http.client
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import trustme
from rich.console import Console
from rich.table import Table

from loadtest.edge import EdgePorts, edge_part
from loadtest.machine import describe
from shortlist.client import Client
from shortlist.local.cluster import Cluster
from shortlist.local.embedded import RankerChoice, embedded_cluster
from shortlist.local.ports import Ports
from shortlist.release.bundle import Release

WARM_UP_ROUNDS = 200
FREE = Ports(0, 0, 0, 0, 0, 0)


def measure(release_dir: Path, rounds: int, console: Console) -> dict[str, list[float]]:
    """Call in turn by each way; the times of each in milliseconds, the first 200 rounds left out."""
    users = Release.open(release_dir).histories().users
    with ExitStack() as stack:
        _, addresses = stack.enter_context(embedded_cluster(release_dir, FREE, RankerChoice.AUTO, console))
        gateway_port = int(addresses.gateway.rpartition(":")[2])
        free = FREE.resolve(("gateway", "metrics", "redis", "triton_http"))
        ports = EdgePorts(plain=free.gateway, tls=free.triton_http, metrics=free.metrics, admin=free.redis)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        part = edge_part([gateway_port], ports, directory, trustme.CA())
        stack.enter_context(Cluster([part], directory, console.print))
        direct = stack.enter_context(Client(addresses.gateway, caller="edge-hop", timeout_s=5.0))
        through = stack.enter_context(Client(f"127.0.0.1:{ports.plain}", caller="edge-hop", timeout_s=5.0))
        json_calls = http.client.HTTPConnection("127.0.0.1", ports.plain, timeout=5.0)
        stack.callback(json_calls.close)

        def by_json(user: str) -> None:
            json_calls.request("GET", f"/v1/users/{user}/recommendations?limit=20")
            answer = json_calls.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"the edge answered {answer.status}")

        ways: dict[str, Callable[[str], object]] = {
            "gRPC, directly": lambda user: direct.recommend(user, limit=20),
            "gRPC through the edge": lambda user: through.recommend(user, limit=20),
            "JSON through the edge": by_json,
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(WARM_UP_ROUNDS + rounds):
            for way, call in ways.items():
                begin = time.perf_counter()
                call(users[number % len(users)])
                if number >= WARM_UP_ROUNDS:
                    times[way].append((time.perf_counter() - begin) * 1e3)
        return times


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    times = measure(arguments.release, arguments.rounds, Console(stderr=True))
    base = float(np.median(times["gRPC, directly"]))
    table = Table("way", "median", "p99", "ratio of medians", "price", title=f"{describe()}, {arguments.rounds} rounds")
    for way, taken in times.items():
        median, p99 = np.percentile(taken, (50, 99)).tolist()
        table.add_row(way, f"{median:.2f} ms", f"{p99:.2f} ms", f"{median / base:.2f}", f"{median - base:+.2f} ms")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
