import io

import pytest
from rich.console import Console
from rich.table import Table

from shortlist.offline.evaluate import gains_table, lists_table
from support.quality_outcomes import BASELINES, MODELS, outcome

MEASURED = outcome(MODELS | BASELINES).models


def _lines(table: Table) -> dict[str, str]:
    """Print on a screen of 80 columns; the line of each model by its name."""
    screen = io.StringIO()
    Console(file=screen, width=80).print(table)
    return {line.split("│")[1].strip(): line for line in screen.getvalue().splitlines() if "│" in line}


@pytest.mark.parametrize("table", [gains_table(MEASURED, "a title"), lists_table(MEASURED)], ids=["gains", "lists"])
def test_every_model_has_one_whole_line_on_a_narrow_screen(table: Table) -> None:
    lines = _lines(table)
    assert lines.keys() == MEASURED.keys()
    assert not any("…" in line for line in lines.values())


def test_the_table_says_how_much_better_the_two_stages_are() -> None:
    lines = _lines(gains_table(MEASURED, "a title"))
    assert "+100.0% [+100.0%, +100.0%]" in lines["EASE"]
    assert "[" not in lines["two-stage"]
