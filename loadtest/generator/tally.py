"""What became of the calls: outcomes apart, latencies from the times that they were due."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np

from loadtest.generator.connection import Outcome
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
        outcomes: n; "" where there was none.
    """

    due_s: F64
    sent_s: F64
    done_s: F64
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Summary:
    """Some calls in figures.

    A call without an answer has no end: percentiles count it as infinite, and one that falls on it is None.

    Args:
        calls: How many were due.
        outcomes: How many requests ended how, a batch's each for itself; what is neither "ok" nor "degraded" is no
            success.
        answers: Requests "ok" and "degraded".
        answered_per_s: The same by the second.
        in_time_per_s: Requests "ok" by the second whose call took no longer than its deadline, from when it was due.
        latency_ms: Percentiles of the times from due to answered, by name: p50, p90, p99, p99.9, max; a batch with one
            request that failed has no end.
        sent_late_p99_ms: From due to sent: what waited for a connection, and the generator's own lateness.
    """

    calls: int
    outcomes: dict[str, int]
    answers: int
    answered_per_s: float
    in_time_per_s: float
    latency_ms: dict[str, float | None]
    sent_late_p99_ms: float | None

    def to_dict(self) -> dict[str, object]:
        """Name the fields for JSON."""
        return asdict(self)


def summarise(
    record: Record, chosen: Bool, seconds: float, requests_a_call: int = 1, deadline_s: float = np.inf
) -> Summary:
    """Count the chosen calls of a run that took so many seconds; one that failed fails all of its requests."""
    outcomes = [
        _by_request(outcome or (UNSENT if np.isnan(sent) else UNANSWERED), requests_a_call)
        for outcome, sent, is_chosen in zip(record.outcomes, record.sent_s, chosen, strict=True)
        if is_chosen
    ]
    counted = Counter(chain.from_iterable(outcomes))
    answers = sum(counted[name] for name in _ANSWERS)
    is_answer = np.array([_ANSWERS.issuperset(of_call) for of_call in outcomes], np.bool_)
    took_ms = (record.done_s - record.due_s)[chosen] * 1e3
    took_ms[~is_answer] = np.inf
    is_in_time = took_ms <= deadline_s * 1e3
    in_time = sum(of_call.count(OK) for of_call, is_counted in zip(outcomes, is_in_time, strict=True) if is_counted)
    late_ms = np.nan_to_num((record.sent_s - record.due_s)[chosen] * 1e3, nan=np.inf)
    return Summary(
        len(outcomes),
        dict(counted.most_common()),
        answers,
        answers / seconds if seconds > 0 else 0.0,
        in_time / seconds if seconds > 0 else 0.0,
        {name: _percentile(took_ms, share) for name, share in _PERCENTILES.items()},
        _percentile(late_ms, 99.0),
    )


def _by_request(outcome: Outcome, requests: int) -> tuple[str, ...]:
    return outcome if isinstance(outcome, tuple) else (outcome,) * requests


def _percentile(values: F64, share: float) -> float | None:
    if not len(values):
        return None
    found = float(np.percentile(values, share, method="higher"))
    return found if np.isfinite(found) else None
