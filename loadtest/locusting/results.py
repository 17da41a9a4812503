"""What a test came to: from Locust's counts to a file, and from the file to one line a call."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.locusting.outcomes import DEGRADED, NOT_SENT

TOTAL = "total"


def bucket_ms(latency_ms: float) -> float:
    """Round a latency to a tenth of a millisecond, from 100 ms up to three digits; Locust's own makes 3.4 ms 3."""
    return round(latency_ms, 1 if latency_ms < 100 else 2 - int(math.log10(latency_ms)))


def write_results(path: Path, runner: Any) -> None:
    """Write what Locust's runner has counted as JSON."""
    stats = runner.stats
    failures = [[one.name, str(one.error), one.occurrences] for one in stats.errors.values()]
    failures += [["caller", one["msg"], one["count"]] for one in runner.exceptions.values()]
    entries = {
        entry.name: {
            "count": entry.num_requests,
            "failures": entry.num_failures,
            "max_ms": entry.max_response_time,
            "latencies_ms": entry.response_times,
        }
        for entry in stats.entries.values()
    }
    results = {
        "seconds": max((stats.last_request_timestamp or stats.start_time) - stats.start_time, 1e-3),
        "is_generator_busy": runner.cpu_warning_emitted,
        "entries": entries,
        "failures": failures,
    }
    path.write_text(json.dumps(results, indent=1))


@dataclass(frozen=True, slots=True)
class Entry:
    """What Locust counted under a name; `latencies_ms` says how many calls took that long, in milliseconds."""

    count: int = 0
    failures: int = 0
    max_ms: float = 0.0
    latencies_ms: Mapping[float, int] | None = None

    def percentile(self, share: float) -> float | None:
        """Tell the latency that `share` of the calls stayed below, in milliseconds; None without calls.

        It is the next call's in order of latency, as in Locust's own report.
        """
        latencies = self.latencies_ms or {}
        calls, seen = sum(latencies.values()), 0
        rank = min(int(share * calls) + 1, calls)
        for latency, count in sorted(latencies.items()):
            seen += count
            if seen >= rank:
                return latency
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """One call's line; latencies in milliseconds, None where no call has one.

    Args:
        call: The method, the name of an entry beside it, or the total.
        count: Calls.
        failures: Calls of them that failed.
        degraded_share: Degraded ones among the method's answers; None where the line is not a method's or nothing was
            answered.
        rate: Calls a second.
        p50_ms: Half of the calls stayed below it; the others alike.
    """

    call: str
    count: int
    failures: int
    degraded_share: float | None
    rate: float
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, call: str, entry: Entry, degraded_share: float | None, seconds: float) -> "Row":
        """Sum an entry up."""
        p50, p90, p99, p999 = (entry.percentile(share) for share in (0.5, 0.9, 0.99, 0.999))
        longest = None if p50 is None else entry.max_ms
        return cls(
            call, entry.count, entry.failures, degraded_share, entry.count / seconds, p50, p90, p99, p999, longest
        )


@dataclass(frozen=True, slots=True)
class Results:
    """A test's lines, the total's last, and its failures, each with its entry, its name and how often it came.

    An error in the test's own code is a failure of "caller", which is no entry.
    """

    rows: Sequence[Row]
    failures: Sequence[tuple[str, str, int]]
    is_generator_busy: bool

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `write_results` wrote."""
        found = json.loads(path.read_text())
        entries = {
            name: Entry(
                one["count"],
                one["failures"],
                one["max_ms"],
                {float(latency): count for latency, count in one["latencies_ms"].items()},
            )
            for name, one in found["entries"].items()
        }
        return cls(
            rows_of(entries, found["seconds"]),
            [(name, failure, count) for name, failure, count in found["failures"]],
            found["is_generator_busy"],
        )


def rows_of(entries: Mapping[str, Entry], seconds: float) -> list[Row]:
    """Make the lines of a test of so many seconds: each method, its degraded answers after it, the total last."""
    rows: list[Row] = []
    whole, degraded = Entry(), Entry()
    for method in sorted({name.removesuffix(DEGRADED) for name in entries} - {NOT_SENT}):
        answered, worse = entries.get(method, Entry()), entries.get(method + DEGRADED, Entry())
        rows.append(Row.of(method, answered, _degraded_share(answered, worse), seconds))
        if worse.count:
            rows.append(Row.of(method + DEGRADED, worse, None, seconds))
        whole, degraded = _sum(whole, answered), _sum(degraded, worse)
    unsent = entries.get(NOT_SENT, Entry())
    if unsent.count:
        rows.append(Row.of(NOT_SENT, unsent, None, seconds))
    total = _sum(_sum(whole, degraded), unsent)
    return [*rows, Row.of(TOTAL, total, _degraded_share(whole, degraded), seconds)]


def _degraded_share(whole: Entry, degraded: Entry) -> float | None:
    answers = whole.count - whole.failures + degraded.count
    return degraded.count / answers if answers else None


def _sum(one: Entry, other: Entry) -> Entry:
    latencies = Counter(one.latencies_ms or {})
    latencies.update(other.latencies_ms or {})
    return Entry(one.count + other.count, one.failures + other.failures, max(one.max_ms, other.max_ms), latencies)
