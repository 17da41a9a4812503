import numpy as np
import pytest

from shortlist.offline.metrics import hit_rate_at, mrr_at, ndcg_at, paired_bootstrap, recall_at

HITS = np.array([[False, True, False, True], [False, False, False, False]])


def test_a_user_without_a_hit_scores_nothing_and_one_without_relevant_items_too() -> None:
    assert ndcg_at(4, HITS, np.array([3, 0]))[1] == 0
    assert recall_at(4, HITS, np.array([3, 0]))[1] == 0
    assert mrr_at(4, HITS).tolist() == [0.5, 0.0]
    assert hit_rate_at(1, HITS).tolist() == [0.0, 0.0]


def test_a_list_shorter_than_k_is_measured_as_far_as_it_goes() -> None:
    assert recall_at(10, HITS, np.array([4, 1])).tolist() == [0.5, 0.0]
    assert mrr_at(10, HITS).tolist() == [0.5, 0.0]
    assert ndcg_at(10, HITS[:, :0], np.array([1, 1])).tolist() == [0.0, 0.0]


def test_a_gain_on_every_user_has_an_interval_above_zero() -> None:
    baseline = np.random.default_rng(0).random(200)
    gain = paired_bootstrap(baseline * 1.1, baseline, seed=1)
    assert (gain.relative, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))


def test_a_difference_by_chance_has_an_interval_around_zero() -> None:
    rng = np.random.default_rng(0)
    model, baseline = rng.random(200), rng.random(200)
    gain = paired_bootstrap(model, baseline, seed=1)
    assert gain.low < 0 < gain.high


def test_a_seed_fixes_the_interval() -> None:
    model, baseline = np.random.default_rng(0).random((2, 50))
    assert paired_bootstrap(model, baseline, seed=1) == paired_bootstrap(model, baseline, seed=1)


def test_a_gain_over_nothing_is_not_a_number() -> None:
    assert np.isnan(paired_bootstrap(np.ones(3), np.zeros(3), seed=1).relative)


def test_unequal_users_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="3 and 2 users"):
        paired_bootstrap(np.ones(3), np.ones(2), seed=1)


def test_users_are_resampled_in_pairs() -> None:
    # Users differ a hundredfold and the gain is the same 10 % for each, so only unpaired resamples would spread.
    baseline = np.logspace(-2, 0, 40)
    paired = paired_bootstrap(baseline * 1.1, baseline, seed=1)
    shuffled = paired_bootstrap(baseline[::-1] * 1.1, baseline, seed=1)
    assert paired.high - paired.low < 1e-9
    assert shuffled.relative == pytest.approx(paired.relative)
    assert shuffled.high - shuffled.low > 0.1
