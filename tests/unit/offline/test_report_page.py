"""The report page: everything of the report is on it, nothing of the log becomes markup, gaps are said."""

from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shortlist.offline.line_chart import line_chart
from shortlist.offline.measure import Quality
from shortlist.offline.report import Report
from shortlist.offline.report_examples import Example, ServedItem, ShownItem
from shortlist.offline.report_page import write_page
from shortlist.release.bundle import Release
from support.tiny_release import build_tiny_release

VOID = {"meta"}
MODELS = ("two-stage", "retrieval only", "popularity, 14 days", "item-kNN")


class _Page(HTMLParser):
    """Reads a page: the text of its sections, of its marked rows, and which tags it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.sections: dict[str, str] = {}
        self.marked: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append((tag, attributes))
        if attributes.get("class") == "marked":
            self.marked.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for tag, attributes in self.open:
            if tag == "section":
                name = attributes["id"] or ""
                self.sections[name] = f"{self.sections.get(name, '')} {data}"
            if attributes.get("class") == "marked":
                self.marked[-1] += f" {data}"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build_tiny_release(tmp_path_factory.mktemp("page") / "release")


def _point(kind: str, nprobe: int, recall: float) -> dict[str, float | str | bool]:
    return {
        "kind": kind,
        "nprobe": nprobe,
        "recall_at_200": recall,
        "microseconds": 50.0,
        "bytes_per_vector": 256.0,
        "build_seconds": 0.1,
    }


def _report() -> Report:
    means = {field.name: 0.25 for field in fields(Quality)}
    return Report(
        dataset="tiny",
        rows_read=1000,
        cleaning=[{"rows": 17, "reason": "exact duplicates"}],
        counts={"training_events": 783, "later_events": 200, "users": 40, "items": 120, "ranker_lists": 31},
        trends=[
            {"half_life_days": 7.0, "focus": 0.5, "ndcg_at_10": 0.1, "chosen": False},
            {"half_life_days": 30.0, "focus": 0.0, "ndcg_at_10": 0.2, "chosen": True},
        ],
        tower_curve=[{"loss": 3.0, "validation_loss": 3.5}, {"loss": 2.0, "validation_loss": 3.25}],
        index_curve=[_point("Flat", 0, 1.0), _point("IVF64,SQfp16", 4, 0.9), _point("IVF64,SQfp16", 8, 0.98)],
        ranker_curve=[5.0, 4.5, 4.25],
        quantization={
            "fp32_bytes": 2_000_000,
            "int8_bytes": 600_000,
            "fp32_auc": 0.75,
            "int8_auc": 0.7495,
            "auc_gain_low": -0.0012,
            "auc_gain_high": 0.0003,
            "auc_requests": 321,
            "top20_agreement": 0.985,
            "agreement_requests": 2000,
            "fp32_us_of_1": 410.0,
            "int8_us_of_1": 330.0,
            "fp32_us_of_32": 9000.0,
            "int8_us_of_32": 7000.0,
            "has_avx512_vnni": True,
        },
        metrics=dict.fromkeys(MODELS, means),
        seconds={"ranker": 4.5, "measure": 1.5},
        peak_memory_bytes=3 * 2**20,
    )


def _example(title: str = "Green tea") -> Example:
    hit = ServedItem(ShownItem(title, ("Food", "Tea")), {"tower": 3, "popular": 12}, is_bought=True)
    miss = ServedItem(ShownItem("Lamp", ("Home",)), {"neighbours": 1}, is_bought=False)
    return Example("user-07", (ShownItem("Black tea", ("Food", "Tea")),), (miss, hit), 9)


def _text(release: Release, report: Report, path: Path, *examples: Example) -> str:
    write_page(release, report, examples, path / "report.html")
    return (path / "report.html").read_text()


def test_a_title_of_the_log_never_becomes_markup(release: Release, tmp_path: Path) -> None:
    title = '</td><script>alert("1")</script>&amp;'
    page = _Page(_text(release, _report(), tmp_path, _example(title)))
    assert "script" not in page.tags
    assert title in page.sections["examples"]
    assert not page.open


def test_nothing_comes_from_elsewhere(release: Release, tmp_path: Path) -> None:
    text = _text(release, _report(), tmp_path, _example())
    page = _Page(text)
    assert page.links == [f"#{name}" for name in page.sections]
    assert "url(" not in text
    assert "@import" not in text


def test_every_model_and_every_mean_is_in_the_table(release: Release, tmp_path: Path) -> None:
    cells = _Page(_text(release, _report(), tmp_path)).sections["quality"]
    assert all(model in cells for model in MODELS)
    values = [word for word in cells.split() if word.startswith("0.25") or word == "25.0%"]
    assert len(values) == len(MODELS) * len(fields(Quality))


def test_a_mean_that_no_model_has_gets_no_column(release: Release, tmp_path: Path) -> None:
    report = _report()
    report["metrics"] = {model: {**means, "ece": None} for model, means in report["metrics"].items()}  # type: ignore[dict-item]
    assert "ECE" in _Page(_text(release, _report(), tmp_path)).sections["quality"]
    assert "ECE" not in _Page(_text(release, report, tmp_path)).sections["quality"]


def test_what_was_bought_later_is_marked_and_counted(release: Release, tmp_path: Path) -> None:
    page = _Page(_text(release, _report(), tmp_path, _example()))
    marked = [row for row in page.marked if "tower" in row]
    assert len(marked) == 1
    assert "Green tea" in marked[0]
    assert "bought" in marked[0]
    assert "1 of these 2 were bought later, among 9 new items" in page.sections["examples"]


def test_what_was_chosen_is_marked(release: Release, tmp_path: Path) -> None:
    marked = _Page(_text(release, _report(), tmp_path)).marked
    trend, index = (row for row in marked if "chosen" in row)
    assert trend.split()[:2] == ["30", "0"]
    assert index.split()[:2] == ["IVF64,SQfp16", "8"]


def test_exact_search_is_the_choice_where_no_lists_find_enough(release: Release, tmp_path: Path) -> None:
    report = _report()
    report["index_curve"] = report["index_curve"][:2]
    marked = _Page(_text(release, report, tmp_path)).marked
    assert [row.split()[0] for row in marked if "chosen" in row] == ["30", "Flat"]


def test_what_a_report_lacks_is_one_sentence_instead(release: Release, tmp_path: Path) -> None:
    report = _report()
    report["metrics"], report["quantization"], report["trends"] = {}, None, []
    sections = _Page(_text(release, report, tmp_path)).sections
    assert sections["quality"].split(maxsplit=1)[1].startswith("Nothing was measured")
    assert sections["examples"].split(maxsplit=1)[1].startswith("Nobody is shown")
    assert sections["quantization"].split(maxsplit=1)[1].startswith("The ranker is served in fp32")
    assert sections["trend"].split(maxsplit=1)[1].startswith("Nobody bought anything new")


def test_the_log_adds_up(release: Release, tmp_path: Path) -> None:
    log = _Page(_text(release, _report(), tmp_path)).sections["the-log"]
    assert "17 1.7% dropped exact duplicates" in log
    assert "783 78.3% left to train on" in log


def test_the_gate_is_told_with_what_it_saw(release: Release, tmp_path: Path) -> None:
    told = _Page(_text(release, _report(), tmp_path)).sections["quantization"]
    assert "between -0.0012 and +0.0003" in told
    assert "98.5% of the top 20 of 2,000 requests" in told


def test_a_curve_goes_down_the_page_as_its_values_fall_and_skips_what_is_not_finite() -> None:
    chart = line_chart({"training": [(1, 3.0), (2, float("nan")), (3, 1.0)]}, "epoch", "loss")
    heights = [float(dot.attrib["cy"]) for dot in chart.iter("circle")]
    assert len(heights) == 2
    assert heights[0] < heights[1]
    assert [label.text for label in chart.iter("text") if label.get("class") == "middle"] == ["1", "2", "3"]


@pytest.mark.parametrize("points", [[], [(1, 2.0)], [(1, 0.0), (2, 0.0)], [(1, float("inf"))]])
def test_a_curve_of_hardly_anything_can_be_drawn(points: list[tuple[float, float]]) -> None:
    assert line_chart({"training": points}, "epoch", "loss").tag == "svg"
