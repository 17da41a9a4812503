"""Arrivals: one seed gives one run, users follow Zipf's law, and a Poisson process has its rate and its bursts."""

from pathlib import Path

import numpy as np
from loadtest.arrivals import Arrivals, ordered, poisson


def test_one_seed_gives_one_run_and_another_seed_another() -> None:
    first, again, other = poisson(1000, 2, 1), poisson(1000, 2, 1), poisson(1000, 2, 2)
    assert np.array_equal(first.due_s, again.due_s)
    assert np.array_equal(first.users, again.users)
    assert not np.array_equal(first.users[:100], other.users[:100])


def test_a_poisson_process_has_its_rate_and_exponential_gaps() -> None:
    arrivals = poisson(1000, 20, 3)
    gaps = np.diff(arrivals.due_s)
    assert abs(len(arrivals) / 20_000 - 1) < 0.03
    assert (gaps >= 0).all()
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05, "as much spread as mean"


def test_a_tenth_of_the_calls_are_writes() -> None:
    assert abs(ordered(50_000, 1).is_write.mean() - 0.1) < 0.01
    assert not ordered(1_000, 1, write_share=0.0).is_write.any()


def test_users_follow_zipfs_law_and_the_frequent_ones_are_the_same_in_all_runs() -> None:
    counts = [np.bincount(ordered(200_000, seed, users=1_000).users, minlength=1_000) for seed in (1, 2)]
    best = [np.argsort(-count)[:2] for count in counts]
    assert np.array_equal(best[0], best[1])
    first, second = counts[0][best[0]]
    assert abs(first / second - 2.0) < 0.15, "the second is called half as often as the first"
    assert abs(first / 200_000 - 1 / np.sum(1 / np.arange(1, 1_001))) < 0.01


def test_arrivals_come_back_from_a_file(tmp_path: Path) -> None:
    drawn = poisson(500, 1, 5)
    drawn.save(tmp_path / "calls.npz")
    read = Arrivals.load(tmp_path / "calls.npz")
    assert np.array_equal(read.due_s, drawn.due_s)
    assert np.array_equal(read.is_write, drawn.is_write)
