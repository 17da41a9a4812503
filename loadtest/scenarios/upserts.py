"""What upserts cost the answers: p99 without them and with 1,000 a second, `python -m loadtest.scenarios.upserts`.

A gateway carries half of the highest rate that it keeps with p99 under 50 ms, in turns with upserts and without. They
come in calls of 50, as events do, over one connection and on schedule: new prices for items of the release in turn,
and one item in ten is one that came after it.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, islice
from threading import Event
from typing import Any

import grpc
from rich.console import Console

from loadtest.saturation import WARM_UP_S, highest_rate, measured_at
from loadtest.scenarios import command
from loadtest.scenarios.testbed import FIRST_RATE, SEED, NotMeasuredError, testbed, whole_per_s
from loadtest.workload import Workload
from shortlist.gateway.servicer import UPSERT_ITEMS
from shortlist.release.bundle import Release
from shortlist.rpc.channels import open_channel
from shortlist.v1.catalog_pb2 import Item
from shortlist.v1.catalog_pb2 import UpsertItemsRequest as Request

ROUNDS, SECONDS = 3, 5.0
PER_S, ITEMS_A_CALL = 1_000, 50
NEW_ITEMS = 2_000
_NEW_EVERY = 10
_TIMEOUT_S = 5.0
_SPARE_S = 5.0
"""The generator takes a moment to start and to end."""
_LEAST_SENT = 0.95


def measure(work: Workload, console: Console, *, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure p99 in turns.

    Args:
        work: The workload.
        console: Says where it is.
        rounds: Of both.
        seconds: Of each.

    Raises:
        NotMeasuredError: no rate is kept, answers were not whole, or the upserts were not taken on schedule.
    """
    with testbed(work) as bed, bed.gateways(near_cache_bytes=None) as server:
        measured = measured_at(bed.target(server), SEED, seconds=seconds, users=work.users)
        highest = highest_rate(measured, FIRST_RATE).rate
        if not highest:
            raise NotMeasuredError("a gateway kept p99 under 50 ms at no rate")
        items, found = _items(Release.open(work.release_dir)), []
        calls_a_round = round((WARM_UP_S + seconds + _SPARE_S) * PER_S / ITEMS_A_CALL)
        for number in range(rounds):
            console.print(f"upserts, round {number + 1} of {rounds}")
            without = measured(highest / 2)
            calls = [Request(items=islice(items, ITEMS_A_CALL)).SerializeToString() for _ in range(calls_a_round)]
            with _upserting(server.address, calls) as sent:
                beside = measured(highest / 2)
                upserted = sent()
            whole_per_s(without)
            whole_per_s(beside)
            p99s_ms = [each["reads"]["latency_ms"]["p99"] for each in (without, beside)]
            found.append({"p99_without_ms": p99s_ms[0], "p99_ms": p99s_ms[1], "upserts_per_s": upserted})
        return {"rate": highest / 2, "rounds": found}


def _items(release: Release) -> Iterator[Item]:
    """Make items without an end: those of the release with another price, and some that it does not know."""
    ids, catalogue = release.vocabulary.ids, release.catalogue
    for number in count():
        row = number % len(ids) + 2
        name = f"new-{number // _NEW_EVERY % NEW_ITEMS}" if number % _NEW_EVERY == 0 else ids[row - 2]
        yield Item(
            item_id=name, title=catalogue.titles[row], categories=catalogue.categories_of(row), price=1 + number % 100
        )


@contextmanager
def _upserting(address: str, calls: Sequence[bytes]) -> Iterator[Callable[[], float]]:
    """Upsert on schedule inside the `with`; what it gives tells how many a second were taken so far."""
    stopped, taken, began = Event(), [0], time.monotonic()

    def send() -> None:
        with open_channel(address) as channel:
            upsert = channel.unary_unary(UPSERT_ITEMS)  # bytes as they are
            for number, call in enumerate(calls, 1):
                upsert(call, timeout=_TIMEOUT_S)
                taken[0] += ITEMS_A_CALL
                if stopped.wait(max(0.0, began + number * ITEMS_A_CALL / PER_S - time.monotonic())):
                    return

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        try:
            yield lambda: taken[0] / (time.monotonic() - began)
        finally:
            stopped.set()
        try:
            sending.result()
        except grpc.RpcError as error:
            raise NotMeasuredError(f"an upsert failed: {error.code().name}") from None
        if taken[0] < _LEAST_SENT * PER_S * (time.monotonic() - began):
            raise NotMeasuredError(f"{taken[0]} upserts were taken, behind their schedule")


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
