"""What a load test's counts come to."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loadtest.locusting.results import Entry, Results, bucket_ms, rows_of, write_results
from loadtest.run_locust import show, write_csv
from rich.console import Console


def _entry(name: str, latencies_ms: dict[float, int], failures: int = 0) -> Any:
    """Make what Locust keeps for a name; failures are refusals, which have no latency."""
    return SimpleNamespace(
        name=name,
        num_requests=sum(latencies_ms.values()) + failures,
        num_failures=failures,
        max_response_time=max(latencies_ms, default=0),
        response_times=latencies_ms,
    )


def _runner(*entries: Any, errors: tuple[Any, ...] = (), exceptions: tuple[Any, ...] = ()) -> Any:
    stats = SimpleNamespace(
        start_time=100.0,
        last_request_timestamp=110.0,
        entries={(entry.name, "grpc"): entry for entry in entries},
        errors=dict(enumerate(errors)),
    )
    return SimpleNamespace(stats=stats, exceptions=dict(enumerate(exceptions)), cpu_warning_emitted=False)


def test_percentiles_are_latencies_that_calls_had() -> None:
    entry = Entry(1000, 0, 900.0, {1.0: 500, 2.0: 400, 30.0: 90, 400.0: 9, 900.0: 1})
    assert [entry.percentile(share) for share in (0.49, 0.5, 0.9, 0.99, 0.999, 1.0)] == [
        1.0,
        2.0,
        30.0,
        400.0,
        900.0,
        900.0,
    ]
    assert Entry(5, 5).percentile(0.5) is None


def test_a_bucket_is_within_half_a_hundredth_of_its_latency_and_there_are_few() -> None:
    latencies = np.geomspace(10.0, 100_000.0, 50_000)
    buckets = np.array([bucket_ms(latency) for latency in latencies])
    assert np.abs(buckets / latencies - 1).max() <= 0.0051
    assert len(set(buckets)) < 4_000
    assert bucket_ms(3.44) == 3.4


def test_degraded_answers_have_a_line_of_their_own_and_a_share_of_the_answers() -> None:
    rows = rows_of(
        {
            "Recommend": Entry(90, 10, 5.0, {5.0: 80}),
            "Recommend (degraded)": Entry(20, 0, 9.0, {9.0: 20}),
            "Rank": Entry(7, 0, 3.0, {3.0: 7}),
        },
        10.0,
    )
    lines = {row.call: row for row in rows}
    assert list(lines) == ["Rank", "Recommend", "Recommend (degraded)", "total"]
    assert lines["Recommend"].degraded_share == pytest.approx(20 / 100)
    assert lines["Rank"].degraded_share == 0.0
    assert lines["total"].degraded_share == pytest.approx(20 / 107)
    assert (lines["total"].count, lines["total"].failures, lines["total"].rate) == (117, 10, 11.7)
    assert (lines["Recommend"].max_ms, lines["total"].max_ms) == (5.0, 9.0)


def test_a_method_whose_every_answer_was_degraded_says_so() -> None:
    first = rows_of({"Recommend (degraded)": Entry(20, 0, 9.0, {9.0: 20})}, 10.0)[0]
    assert (first.call, first.count, first.degraded_share, first.p50_ms) == ("Recommend", 0, 1.0, None)


def test_where_everything_was_refused_nothing_counts_as_success_or_has_a_latency() -> None:
    refused, total = rows_of({"Recommend": Entry(50, 50, 0.0, {})}, 10.0)
    assert refused.count == refused.failures == total.count == total.failures == 50
    assert {refused.degraded_share, refused.p50_ms, total.p999_ms, total.max_ms} == {None}


def test_what_was_not_sent_is_in_the_total() -> None:
    rows = rows_of({"Recommend": Entry(5, 0, 1.0, {1.0: 5}), "not sent": Entry(2, 2, 900.0, {900.0: 2})}, 10.0)
    assert [row.call for row in rows] == ["Recommend", "not sent", "total"]
    assert (rows[-1].count, rows[-1].failures, rows[-1].max_ms) == (7, 2, 900.0)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    refused = SimpleNamespace(name="Recommend", error="UNAVAILABLE", occurrences=3)
    broken = {"msg": "a mistake in the test", "count": 1}
    write_results(path, _runner(_entry("Recommend", {3.4: 97}, 3), errors=(refused,), exceptions=(broken,)))
    results = Results.read(path)
    assert results.failures == [("Recommend", "UNAVAILABLE", 3), ("caller", "a mistake in the test", 1)]
    assert not results.is_generator_busy
    (recommend, total) = results.rows
    assert (recommend.count, recommend.failures, recommend.rate, recommend.p99_ms) == (100, 3, 10.0, 3.4)
    assert total.count == 100


def test_the_table_fits_eighty_columns_and_is_followed_by_failures_and_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = {
        "SimilarItems": Entry(99_999, 9, 99_999.9, {3.4: 99_990}),
        "SimilarItems (degraded)": Entry(99_999, 0, 99_999.9, {3.4: 99_999}),
    }
    results = Results(rows_of(entries, 10.0), [("SimilarItems", "UNAVAILABLE", 9)], is_generator_busy=True)
    show(Console(width=80), results, "title", tmp_path)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert "9 × SimilarItems: UNAVAILABLE" in shown
    assert "short of processor time" in shown
    assert str(tmp_path / "report.html") in shown
    write_csv(results, tmp_path / "calls.csv")
    header, *lines = (tmp_path / "calls.csv").read_text().splitlines()
    assert header.startswith("call,count,failures,degraded_share")
    assert [line.split(",")[0] for line in lines] == ["SimilarItems", "SimilarItems (degraded)", "total"]
