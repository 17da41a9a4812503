from pathlib import Path
from xml.etree import ElementTree as ET

from shortlist.offline.quality_report import write_report
from support.quality_outcomes import exam_results


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
