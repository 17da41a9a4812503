from shortlist.offline.splits import Split
from shortlist.offline.trend_choice import TRENDS, choose_trend
from shortlist.offline.trending_lists import Trend
from support.tiny_logs import tiny_log


def test_the_trend_that_predicts_best_is_chosen_and_every_one_is_measured() -> None:
    split = Split.of(tiny_log(), 0.2)
    trend, quality = choose_trend(split.interactions, split.label_cuts[0], split.horizon_s, k=8)
    assert tuple(quality) == TRENDS
    assert quality[trend] == max(quality.values()) > 0


def test_without_later_purchases_there_is_nothing_to_choose_by() -> None:
    split = Split.of(tiny_log(), 0.2)
    assert choose_trend(split.interactions, split.cut_s, split.horizon_s, k=8) == (Trend(), {})
