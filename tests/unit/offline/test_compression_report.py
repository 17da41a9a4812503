from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from shortlist.offline.compression import Compression
from shortlist.offline.compression_plot import apart, front
from shortlist.offline.compression_report import passes, write_compression_report
from support.compressions import compared, compression


def _page(tmp_path: Path, **results: Compression) -> str:
    write_compression_report(results, tmp_path / "docs" / "compression.md")
    return (tmp_path / "docs" / "compression.md").read_text()


def test_the_page_names_machine_goals_and_every_variant(tmp_path: Path) -> None:
    text = _page(tmp_path, shop=compression())
    assert "a machine, with AVX512-VNNI; 2026-01-02; seed 3. 1,500 requests for the AUC, 2,000" in text
    for goal in ("-0.0010, met", "99.0%, met", "2.00, met", "25.0%, met"):
        assert f"| {goal} |" in text
    for row in ("| int8 static | 250 | 25.0% | 100 (2.00×) | 2,000 (2.00×) | 0.6990", "| fp16 | 500 | 50.0% |"):
        assert row in text
    assert "(compression-shop.svg)" in text


@pytest.mark.parametrize(
    ("served", "verdict"),
    [
        (compared(2_000.0, 0.99, size=250, gain=-0.0021), "| -0.0021, missed |"),
        (compared(2_000.0, 0.949, size=250), "| 94.9%, missed |"),
        (compared(2_500.0, 0.99, size=250), "| 1.60, missed |"),
        (compared(2_000.0, 0.99, size=301), "| 30.1%, missed |"),
    ],
)
def test_a_goal_that_is_missed_is_told_with_its_figure(tmp_path: Path, served: object, verdict: str) -> None:
    text = _page(tmp_path, shop=compression(int8_static=served))  # type: ignore[arg-type]  # of the list above
    assert verdict in text
    assert text.count("missed") == 1


def test_words_say_what_is_on_the_front_and_why_the_served_one_is_served(tmp_path: Path) -> None:
    text = _page(tmp_path, shop=compression())
    assert "fastest first: distilled fp32, int8 static, fp32." in text
    assert "Served is int8 static, the fastest that passes the gate, with 2.00 times the speed" in text
    assert "Faster, but refused by the gate: distilled fp32 (AUC +0.0020)." in text


def test_words_say_where_another_that_passes_is_faster_and_where_int8_is_refused(tmp_path: Path) -> None:
    assert "of those that pass the gate, fp16 is faster" in _page(tmp_path, shop=compression(fp16=compared(900.0)))
    assert "refused by the gate here" in _page(tmp_path, shop=compression(int8_static=compared(2_000.0, 0.9)))


def test_the_gate_lets_pass_at_its_limits_and_not_what_could_not_be_measured() -> None:
    assert passes(compared(1.0, 0.95, gain=-0.002))
    assert not passes(compared(1.0, float("nan")))


def test_the_front_leaves_out_what_is_slower_and_agrees_less() -> None:
    variants = {
        "slow": compared(9.0, 1.0),
        "beaten": compared(8.0, 0.8),
        "quick": compared(1.0, 0.7),
        "middle": compared(5.0, 0.8),
        "as quick, worse": compared(1.0, 0.6),
        "as good, slower": compared(9.5, 1.0),
    }
    assert front(variants) == ["quick", "middle", "slow"]


def test_rows_are_as_long_as_the_heads_of_tables(tmp_path: Path) -> None:
    for table in _page(tmp_path, shop=compression(), grocer=compression()).split("\n\n"):
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


def test_the_same_results_give_the_same_plot_with_every_variant_by_name(tmp_path: Path) -> None:
    plots = []
    for name in ("first", "second"):
        _page(tmp_path / name, shop=compression(fp16=compared(2_000.0, 0.9901)))
        plots.append((tmp_path / name / "docs" / "compression-shop.svg").read_bytes())
    assert plots[0] == plots[1]
    words = " ".join(ET.fromstring(plots[0]).itertext())  # noqa: S314  # our own file
    for name in ("fp32", "int8 static (served)", "fp16", "distilled fp32"):
        assert name in words


def test_labels_of_the_plot_keep_a_line_apart() -> None:
    heights = apart([0.5, 0.5, 0.1, 0.51], line=0.05)
    assert heights == pytest.approx([0.5, 0.55, 0.1, 0.6])
