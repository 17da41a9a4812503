import pytest

from shortlist.offline.quality_goals import Goal, goals
from shortlist.offline.quality_results import ExamResults
from support.quality_outcomes import exam_results


def _goal(words: str, *results: ExamResults) -> Goal:
    (found,) = [goal for goal in goals({one.name: one for one in results}) if words in goal.wanted]
    return found


def test_nothing_measured_leaves_every_goal_open() -> None:
    assert {goal.verdict for goal in goals({})} == {"open"}


@pytest.mark.parametrize(("ndcg", "verdict"), [(0.16, "met"), (0.15, "**missed**")])
def test_the_least_ndcg_is_judged_by_the_mean_of_the_seeds(ndcg: float, verdict: str) -> None:
    goal = _goal("NDCG@10 at least 0.155", exam_results("online-retail", ndcg))
    assert goal.verdict == verdict
    assert goal.measured == f"{ndcg:.4f} ({ndcg - 0.005:.4f} to {ndcg + 0.005:.4f})"


@pytest.mark.parametrize(("ndcg", "is_met"), [(0.155, True), (0.150, False), (0.13, False)])
def test_a_gain_must_be_large_enough_over_the_better_of_the_baselines(ndcg: float, is_met: bool) -> None:
    assert (
        _goal("+10% NDCG@10 or more over the better of time-aware EASE", exam_results("online-retail", ndcg)).is_met
        is is_met
    )


def test_the_grocer_is_judged_by_ease() -> None:
    assert _goal("+8% NDCG@10 or more over EASE", exam_results("completejourney", 0.11)).is_met


@pytest.mark.parametrize(("earlier", "is_met"), [(0.15, True), (0.135, False)])
def test_the_earlier_cut_must_show_a_gain_as_well(earlier: float, is_met: bool) -> None:
    both = exam_results("online-retail"), exam_results("online-retail-earlier", earlier)
    assert _goal("on the earlier cut", *both).is_met is is_met


@pytest.mark.parametrize(("alone", "is_met"), [(0.4, True), (0.5, False), (0.6, False)])
def test_all_sources_must_beat_each(alone: float, is_met: bool) -> None:
    found = exam_results("online-retail", recalls={"all together": 0.5, "tower": alone})
    assert _goal("online-retail: Recall@200", found).is_met is is_met


@pytest.mark.parametrize(("ours", "is_met"), [(0.03, True), (0.01, False)])
def test_new_items_are_judged_where_they_were_measured(ours: float, is_met: bool) -> None:
    found = exam_results("online-retail", new_items={"by content": ours, "popularity": 0.02})
    assert _goal("online-retail: NDCG@10 on items without", found).is_met is is_met
    assert _goal("online-retail: NDCG@10 on items without", exam_results("online-retail")).verdict == "open"


@pytest.mark.parametrize(("served", "is_met"), [(0.2055, True), (0.2039, False)])
def test_what_is_served_is_compared_with_the_same_seed(served: float, is_met: bool) -> None:
    found = exam_results("completejourney", served={"seed": 2, "ndcg_at_10": served})
    assert _goal("completejourney: NDCG@10 of what the gateway answers", found).is_met is is_met
