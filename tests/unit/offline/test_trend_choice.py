from shortlist.offline.splits import Split
from shortlist.offline.trend_choice import FOCUSES, choose_focus
from support.tiny_logs import tiny_log


def test_the_focus_that_predicts_best_is_chosen_and_every_one_is_measured() -> None:
    split = Split.of(tiny_log(), 0.2)
    focus, quality = choose_focus(split.interactions, split.label_cuts[0], split.horizon_s, k=8)
    assert tuple(quality) == FOCUSES
    assert quality[focus] == max(quality.values()) > 0


def test_without_later_purchases_there_is_nothing_to_choose_by() -> None:
    split = Split.of(tiny_log(), 0.2)
    assert choose_focus(split.interactions, split.cut_s, split.horizon_s, k=8) == (max(FOCUSES), {})
