"""The tally: a call without an answer is infinitely slow, and every outcome stands under its own name."""

import numpy as np
import pytest
from loadtest.generator.tally import Record, summarise

_ALL = np.ones(100, np.bool_)


def _record(outcomes: list[str], latency_s: float = 0.010) -> Record:
    due = np.arange(len(outcomes)) / 100
    done = np.where([bool(outcome) for outcome in outcomes], due + latency_s, np.nan)
    return Record(due, due + 0.001, done, outcomes)


def test_latency_counts_from_when_a_call_was_due() -> None:
    summary = summarise(_record(["ok"] * 100), _ALL, 1.0)
    assert summary.latency_ms["p99"] == pytest.approx(10.0)
    assert summary.sent_late_p99_ms == pytest.approx(1.0)
    assert summary.answered_per_s == 100


@pytest.mark.parametrize("failure", ["UNAVAILABLE", "connection_reset", "empty", ""])
def test_failures_are_no_answers_and_have_no_end(failure: str) -> None:
    summary = summarise(_record(["ok"] * 97 + [failure] * 3), _ALL, 1.0)
    assert summary.outcomes == {"ok": 97, failure or "unanswered": 3}
    assert summary.answered_per_s == 97
    assert summary.latency_ms["p90"] == pytest.approx(10.0)
    assert summary.latency_ms["p99"] is None


def test_a_call_that_was_never_sent_is_named_so() -> None:
    record = _record(["ok"] * 99 + [""])
    record.sent_s[-1] = np.nan
    assert summarise(record, _ALL, 1.0).outcomes == {"ok": 99, "unsent": 1}


def test_each_request_of_a_batch_counts_for_itself_and_a_failed_batch_for_all_of_them() -> None:
    outcomes = [("ok", "ok"), ("ok", "degraded"), ("ok", "RESOURCE_EXHAUSTED"), "UNAVAILABLE", ""]
    due = np.arange(5.0)
    summary = summarise(Record(due, due, due + 0.010, outcomes), np.ones(5, np.bool_), 2.0, requests_a_call=2)
    assert summary.outcomes == {"ok": 4, "degraded": 1, "RESOURCE_EXHAUSTED": 1, "UNAVAILABLE": 2, "unanswered": 2}
    assert summary.calls == 5
    assert summary.answers == 5
    assert summary.answered_per_s == 2.5
    assert summary.latency_ms["p50"] is None, "two of five calls had nothing but answers"


def test_in_time_are_whole_answers_within_the_deadline_from_when_a_call_was_due() -> None:
    record = _record(["ok"] * 80 + ["degraded"] * 10 + ["UNAVAILABLE"] * 10)
    record.done_s[:30] += 1.0
    summary = summarise(record, _ALL, 2.0, deadline_s=0.25)
    assert summary.in_time_per_s == 25.0
    assert summary.answered_per_s == 45.0


def test_only_the_chosen_calls_are_counted() -> None:
    chosen = np.arange(100) >= 50
    assert summarise(_record(["UNKNOWN"] * 50 + ["ok"] * 50), chosen, 1.0).outcomes == {"ok": 50}
