from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from shortlist.offline.new_items import READINGS
from shortlist.offline.quality_report import write_report
from support.quality_outcomes import exam_results, outcome

COUNTS = {"items": 165.0, "users": 1417.0}


def test_the_page_shows_goals_every_model_every_seed_and_a_plot(tmp_path: Path) -> None:
    out = tmp_path / "docs" / "quality.md"
    write_report({"online-retail": exam_results("online-retail")}, out)
    text = out.read_text()
    assert "| online-retail: NDCG@10 at least 0.155, mean of the seeds | 0.2000 (0.1950 to 0.2050) | met |" in text
    assert "100 users, 1,234 items" in text
    assert "With re-purchases, 101 users" in text
    for start in ("| two-stage |  | 0.2000", "| EASE | +100.0%", "| 1 | 0.1950", "| 2 | 0.2050"):
        assert f"\n{start}" in text
    assert "| ridge 500 |" in text
    assert "(quality-online-retail.svg)" in text
    assert "## completejourney" not in text


def test_new_items_and_ablations_are_told_where_they_were_measured(tmp_path: Path) -> None:
    compared = {"by content": 0.12, "popularity": 0.03, "at random": 0.04}
    found = exam_results("online-retail", new_items=compared | dict.fromkeys(READINGS, 0.1) | COUNTS)
    without = replace(found, ablations={"no teachers": outcome({"two-stage": 0.15, "retrieval only": 0.14})})
    write_report({"online-retail": without}, tmp_path / "quality.md")
    text = (tmp_path / "quality.md").read_text()
    assert (
        "by content 0.1200, popularity 0.0300, at random 0.0400. Content otherwise read: categories alone 0.1000,"
        in text
    )
    assert "| as served | 0.1950 |  | 0.1500 |" in text
    assert "| no teachers | 0.1500 | +30.0% [+30.0%, +30.0%] | 0.1400 |" in text
    write_report({"online-retail": exam_results("online-retail")}, tmp_path / "plain.md")
    assert "as served" not in (tmp_path / "plain.md").read_text()


def test_tables_are_rectangular(tmp_path: Path) -> None:
    write_report({"completejourney": exam_results("completejourney")}, tmp_path / "quality.md")
    for table in (tmp_path / "quality.md").read_text().split("\n\n"):
        rows = [line.count("|") for line in table.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1


def test_the_same_results_give_the_same_plot(tmp_path: Path) -> None:
    plots = []
    for name in ("first", "second"):
        write_report({"online-retail": exam_results("online-retail")}, tmp_path / name / "quality.md")
        plots.append((tmp_path / name / "quality-online-retail.svg").read_bytes())
    assert plots[0] == plots[1]
    words = " ".join(ET.fromstring(plots[0]).itertext())  # noqa: S314  # our own file
    assert "time-aware EASE" in words
    assert "20" not in [word for word in words.split() if ":" in word]  # no time of day


def test_without_results_there_is_a_page_of_open_goals(tmp_path: Path) -> None:
    write_report({}, tmp_path / "quality.md")
    assert "| open |" in (tmp_path / "quality.md").read_text()
