"""Locust in a process of its own, over gRPC: on real gateways, and on servers that misbehave."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from loadtest.locusting.results import Results, Row
from loadtest.run_locust import LOCUSTFILE, run

from shortlist.core.errors import StartError
from shortlist.release.bundle import Release
from support.gateway_process import environment_of
from support.gateways import UNREACHABLE, serving
from support.real_servers import Valkey
from support.stub_recommenders import Stall, refuse, stub_serving

OK = "shortlist_gateway_requests_total"
BUSY = ("--think-s", "0.1", "--timeout-s", "10")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Locust reach loopback directly, whatever the environment says of proxies."""
    monkeypatch.setenv("no_grpc_proxy", "127.0.0.1")


def _lines(results: Results) -> Mapping[str, Row]:
    return {row.call: row for row in results.rows}


def test_a_short_run_on_a_gateway_counts_every_call_and_writes_the_report(
    tiny_release: Release, tmp_path: Path
) -> None:
    # A store of its own, since the calls change users' rows.
    with Valkey(tmp_path) as valkey, serving(tiny_release, valkey.url, front="grpcio") as gateway:
        valkey.fill(tiny_release)
        before = gateway.count(OK, code="OK")
        results = run(tiny_release.path, gateway.address, tmp_path, 5, ("--users", "10", *BUSY))
        answered = gateway.count(OK, code="OK") - before
    lines = _lines(results)
    assert list(lines) == ["Rank", "Recommend", "RecordEvents", "SimilarItems", "total"]
    assert (lines["total"].failures, lines["total"].degraded_share, results.failures) == (0, 0.0, [])
    assert lines["total"].count == answered > 100
    assert lines["Recommend"].count > lines["SimilarItems"].count > lines["Rank"].count
    assert lines["RecordEvents"].count > 0
    assert 0 < (lines["Recommend"].p50_ms or 0) <= (lines["Recommend"].p999_ms or 0)
    report = (tmp_path / "report.html").read_text()
    assert "Locust" in report
    assert '"SimilarItems"' in report
    assert (tmp_path / "calls.csv").read_text().count("\n") == 1 + len(lines)


def test_degraded_answers_are_counted_apart_and_do_not_fail(tiny_release: Release, tmp_path: Path) -> None:
    with serving(tiny_release, f"redis://{UNREACHABLE}/0", front="grpcio") as gateway:
        results = run(tiny_release.path, gateway.address, tmp_path, 2, ("--users", "10", "--write-share", "0", *BUSY))
    lines = _lines(results)
    assert lines["Recommend (degraded)"].count > 0
    assert (lines["Recommend"].count, lines["Recommend"].degraded_share) == (0, 1.0)
    assert results.failures == []


def test_where_every_call_is_refused_nothing_counts_as_success(tiny_release: Release, tmp_path: Path) -> None:
    with stub_serving(refuse) as address:
        results = run(tiny_release.path, address, tmp_path, 2, ("--users", "10", *BUSY))
    assert {failure for _, failure, _ in results.failures} == {"RESOURCE_EXHAUSTED"}
    assert sum(count for *_, count in results.failures) == results.rows[-1].count > 0
    for row in results.rows:
        assert row.failures == row.count
        assert {row.degraded_share, row.p50_ms, row.max_ms} == {None}


def test_a_stall_shows_in_the_latencies_of_an_open_loop_though_few_calls_were_sent_into_it(
    tiny_release: Release, tmp_path: Path
) -> None:
    stall, rate, seconds, callers = Stall(1.0, 2.5), 100, 5, 8
    more = ("--loop", "open", "--rate", str(rate), "--users", str(callers), "--spawn-rate", "100", "--timeout-s", "10")
    with stub_serving(stall) as address:
        results = run(tiny_release.path, address, tmp_path, seconds, more)
    total = results.rows[-1]
    assert stall.stalled <= callers
    assert total.count == stall.calls
    assert total.count == pytest.approx(rate * seconds, rel=0.3)  # Poisson; a closed loop would have lost the stall's
    assert stall.stalled < 0.03 * total.count
    assert total.p90_ms is not None
    assert total.p90_ms > 300.0
    assert results.failures == []


def test_arrivals_that_nobody_was_free_to_send_fail_as_not_sent(tiny_release: Release, tmp_path: Path) -> None:
    more = ("--loop", "open", "--rate", "200", "--users", "1", "--backlog", "10", "--timeout-s", "0.5")
    with stub_serving(Stall(0.0, 60.0)) as address:
        results = run(tiny_release.path, address, tmp_path, 2, more)
    lines = _lines(results)
    assert lines["not sent"].count == lines["not sent"].failures > 100
    assert lines["total"].count == lines["total"].failures == pytest.approx(400, rel=0.3)
    assert {failure for name, failure, _ in results.failures if name != "not sent"} == {"DEADLINE_EXCEEDED"}


def test_processes_share_a_test_each_with_calls_of_its_own(tiny_release: Release, tmp_path: Path) -> None:
    server = Stall(0.0, 0.0)
    more = ("--processes", "2", "--loop", "open", "--rate", "100", "--shape", "spike", "--users", "20")
    with stub_serving(server) as address:
        total = run(tiny_release.path, address, tmp_path, 3, more).rows[-1]
    assert total.count == server.calls
    assert total.failures == 0
    # A spike's mean is 36 % of its peak, and it ends on time in every process.
    assert total.count == pytest.approx(2 * 100 * 3 * 0.36, rel=0.3)


def test_a_shape_moves_the_number_of_users(tiny_release: Release, tmp_path: Path) -> None:
    with stub_serving(lambda _context: None) as address:
        run(tiny_release.path, address, tmp_path, 3, ("--shape", "soak", "--users", "10", *BUSY))
    log = (tmp_path / "locust.log").read_text()
    assert 0 < log.index("updating to 2 users") < log.index("updating to 10 users")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "127.0.0.1:9"), "--release: name a release's directory"),
        (("--host", "127.0.0.1:9", "--release", "nowhere"), "nowhere: manifest.json"),
        (("--host", "http://127.0.0.1:9", "--release", "TINY"), "give host:port"),
        (("--host", "127.0.0.1:9", "--release", "TINY", "--shape", "soak"), "--shape soak needs a --run-time"),
    ],
)
def test_a_wrong_option_ends_locust_with_a_sentence(
    tiny_release: Release, arguments: tuple[str, ...], said: str
) -> None:
    given = [str(tiny_release.path) if word == "TINY" else word for word in arguments]
    ended = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", *given],
        env=environment_of({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 2)
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_locust_that_does_not_run_is_named_with_the_end_of_its_log(tiny_release: Release, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"locust ended with status 2(.|\n)*--no-such-option"):
        run(tiny_release.path, UNREACHABLE, tmp_path, 1, ("--no-such-option", "1"))


def test_the_command_brings_a_cluster_along_and_ends_with_the_table(tiny_release: Release, tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "loadtest.run_locust", "--release", str(tiny_release.path)),
            *("--out", str(tmp_path), "--run-time-s", "3", "--users", "5", *BUSY),
        ],
        env=environment_of({"SHORTLIST_FEATURES_TIMEOUT_S": "2", "SHORTLIST_RANKING_TIMEOUT_S": "5"}),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "p99.9" in ended.stdout
    assert "Recommend" in ended.stdout
    assert "report.html" in ended.stdout.replace(os.linesep, "")
    assert (tmp_path / "report.html").is_file()
