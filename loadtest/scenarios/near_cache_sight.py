"""How soon a write, or an event, is seen by two gateways that are at work.

Two gateways with a port each carry a load of their own, together half of what they can with p99 under 50 ms; 10 % of
the calls are writes. Meanwhile the row of a probe user, which both hold, is changed again and again: written, or by an
event that one of the two records, in turn. A gateway itself tells when its near cache has dropped the row
(`telling_gateway`): no call that comes later is answered from the old one. What counts is the time until the later of
the two, from before the change is sent, and from when it was acknowledged (0 where they dropped the row before). After
each change both are asked for the probe user, and must answer from the new row, which they hold from then on.
"""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from loadtest.arrivals import WRITE_SHARE
from loadtest.saturation import Result, highest_rate, measured_at
from loadtest.scenarios.telling_gateway import PROBE, TOLD, TOLD_TO
from loadtest.scenarios.testbed import FIRST_RATE, SEED, NotMeasuredError, Testbed, whole_per_s
from loadtest.serving import Server
from shortlist.client import Client
from shortlist.features.config import FeatureSettings
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import UserRow

PAIR = 2
_TIMEOUT_S = 5.0
_POLL_S = 0.02
_BEGUN = 0.2
"""Of a second's writes: when so many have come, both loads are on their way."""

AtRate = Callable[[float], Result]
Change = Callable[[Sequence[Client], int], None]
"""Changes the probe user's row, by one of the clients or past them, so that its version is the number."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How long it took until both gateways had dropped a row that was changed, in seconds.

    Args:
        since_sent: From before the change was sent.
        since_acknowledged: From its acknowledgement.
    """

    since_sent: float
    since_acknowledged: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two gateways under one load.

    Args:
        bed: What they run on.
        servers: Both.
        told: Hears of the rows that they drop.
    """

    bed: Testbed
    servers: Sequence[Server]
    told: socket.socket

    def at(self, rate: float, seconds: float) -> Sequence[Result]:
        """Send a rate of calls in all, half to each."""
        with ThreadPoolExecutor(PAIR) as pool:
            return list(pool.map(lambda measured: measured(rate / PAIR), self._measured(seconds)))

    def _measured(self, seconds: float) -> list[AtRate]:
        users = self.bed.work.users
        return [
            measured_at(self.bed.target(server), SEED + number, seconds=seconds, users=users)
            for number, server in enumerate(self.servers)
        ]


@contextmanager
def pair(bed: Testbed, near_cache_bytes: int) -> Iterator[Pair]:
    """Run two gateways whose near caches take so many bytes, and listen to what they tell."""
    path = str(bed.run_dir / "told.sock")
    with ExitStack() as stack:
        told = stack.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
        told.bind(path)
        told.settimeout(_TIMEOUT_S)
        servers = [
            stack.enter_context(
                bed.gateways(
                    near_cache_bytes=near_cache_bytes,
                    environment={TOLD_TO: path},
                    module="loadtest.scenarios.telling_gateway",
                )
            )
            for _ in range(PAIR)
        ]
        yield Pair(bed, servers, told)


def highest_rate_of(both: Pair, seconds: float) -> float:
    """Find the most calls a second that the two carry with p99 under 50 ms.

    Raises:
        NotMeasuredError: there is no such rate.
    """
    found = highest_rate(lambda rate: joined(both.at(rate, seconds)), FIRST_RATE)
    if not found.rate:
        raise NotMeasuredError("two gateways kept p99 under 50 ms at no rate")
    return found.rate


def joined(results: Sequence[Result]) -> Result:
    """Join the results of loads that ran together, as far as the search for the highest rate looks at them."""
    reads = [result["reads"] for result in results]
    p99s_ms = [each["latency_ms"]["p99"] for each in reads]
    return {
        "reads": {
            "answered_per_s": sum(each["answered_per_s"] for each in reads),
            "outcomes": sum((Counter(each["outcomes"]) for each in reads), Counter[str]()),
            "latency_ms": {"p99": None if None in p99s_ms else max(p99s_ms)},
        },
        "generator_cpu_share": max(result["generator_cpu_share"] for result in results),
    }


@contextmanager
def writing(bed: Testbed) -> Iterator[Change]:
    """Write rows into the store."""
    settings = FeatureSettings(redis_url=bed.store.url, timeout_s=_TIMEOUT_S)
    events = UserRow.decode(bed.work.rows()[0].tobytes()).events
    with closing(RedisUserStore.connect(settings, 1)) as writer:
        yield lambda _clients, version: writer.write([(PROBE, UserRow(events, version))])


def record(clients: Sequence[Client], version: int) -> None:
    """Record a click through one gateway or the other."""
    recorded = clients[version % len(clients)].record(PROBE, f"item {version}", "click")
    if recorded.row_version != version:
        raise NotMeasuredError(f"an event made version {recorded.row_version} of a row, not {version}")


def seconds_until_seen(both: Pair, rate: float, seconds: float, change: Change, version: int = 0) -> list[Seen]:
    """Change the probe user's row while the two carry a load.

    Args:
        both: The two.
        rate: Of the load, calls a second in all.
        seconds: Of it.
        change: How the row is changed.
        version: That the row has; 0: there is none.

    Raises:
        NotMeasuredError: a gateway answered from an old row, did not tell of a change, or did not answer the load.
    """
    bed = both.bed
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address, timeout_s=_TIMEOUT_S)) for server in both.servers]
        commands = stack.enter_context(redis.Redis.from_url(bed.store.url))
        loads = stack.enter_context(ThreadPoolExecutor(1))
        took: list[Seen] = []
        _seen(both, change, clients, version + 1)
        _look(clients, version + 1)
        writes = _sets(commands)
        load = loads.submit(both.at, rate, seconds)
        while _sets(commands) < writes + _BEGUN * WRITE_SHARE * rate and not load.done():
            time.sleep(_POLL_S)
        while not load.done():
            changed = version + 2 + len(took)
            took.append(_seen(both, change, clients, changed))
            _look(clients, changed)
        for result in load.result():
            whole_per_s(result)
    return took


def _seen(both: Pair, change: Change, clients: Sequence[Client], version: int) -> Seen:
    """Change the row; tell how long it took until both gateways had dropped what they held."""
    sent = time.monotonic()
    change(clients, version)
    acknowledged = time.monotonic()
    try:
        dropped = [TOLD.unpack(both.told.recv(TOLD.size))[0] for _ in both.servers]
    except TimeoutError:
        raise NotMeasuredError(f"a gateway did not hear of a change within {_TIMEOUT_S:.0f} s") from None
    return Seen(max(dropped) - sent, max(0.0, max(dropped) - acknowledged))


def _look(clients: Sequence[Client], version: int) -> None:
    """Ask every gateway for the probe user; each has read the row with this version, and holds it."""
    for client in clients:
        found = client.recommend(PROBE, explain=True).user.row_version
        if found != version:
            raise NotMeasuredError(f"an answer came from version {found} of a row after version {version} was told")


def _sets(commands: Any) -> int:
    """Count the SETs that the store has taken."""
    return int(commands.info("commandstats").get("cmdstat_set", {}).get("calls", 0))
