"""What became of the calls: outcomes apart, latencies from the times that they were due."""

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from loadtest.generator.messages import DEGRADED, OK
from shortlist.core.arrays import F64, Bool

UNANSWERED, UNSENT = "unanswered", "unsent"
_ANSWERS = {OK, DEGRADED}
_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


@dataclass(slots=True)
class Record:
    """n calls as they went, times in seconds from the run's start.

    Args:
        due_s: When each should have been sent.
        sent_s: When it was; NaN where it never was.
        done_s: When its outcome was known; NaN where it never was.
        outcomes: n names; "" where there was none.
    """

    due_s: F64
    sent_s: F64
    done_s: F64
    outcomes: list[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """Some calls in figures.

    A call without an answer has no end: percentiles count it as infinite, and one that falls on it is None.

    Args:
        calls: How many were due.
        outcomes: How many ended how; what is neither "ok" nor "degraded" is no success.
        answered_per_s: Answers "ok" and "degraded".
        latency_ms: Percentiles of the times from due to answered, by name: p50, p90, p99, p99.9, max.
        sent_late_p99_ms: From due to sent: what waited for a connection, and the generator's own lateness.
    """

    calls: int
    outcomes: dict[str, int]
    answered_per_s: float
    latency_ms: dict[str, float | None]
    sent_late_p99_ms: float | None

    def to_dict(self) -> dict[str, object]:
        """Name the fields for JSON."""
        return asdict(self)


def summarise(record: Record, chosen: Bool, seconds: float) -> Summary:
    """Count the chosen calls of a run that took so many seconds."""
    outcomes = [
        outcome or (UNSENT if np.isnan(sent) else UNANSWERED)
        for outcome, sent, is_chosen in zip(record.outcomes, record.sent_s, chosen, strict=True)
        if is_chosen
    ]
    counted = Counter(outcomes)
    is_answer = np.array([outcome in _ANSWERS for outcome in outcomes], np.bool_)
    took_ms = (record.done_s - record.due_s)[chosen] * 1e3
    took_ms[~is_answer] = np.inf
    late_ms = np.nan_to_num((record.sent_s - record.due_s)[chosen] * 1e3, nan=np.inf)
    answered_per_s = float(is_answer.sum()) / seconds if seconds > 0 else 0.0
    return Summary(
        len(outcomes),
        dict(counted.most_common()),
        answered_per_s,
        {name: _percentile(took_ms, share) for name, share in _PERCENTILES.items()},
        _percentile(late_ms, 99.0),
    )


def _percentile(values: F64, share: float) -> float | None:
    if not len(values):
        return None
    found = float(np.percentile(values, share, method="higher"))
    return found if np.isfinite(found) else None
