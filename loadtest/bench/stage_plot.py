"""The waterfall of a request: each stage begins where the one before has ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.bench.readings import Figures, part
from shortlist.offline.quality_plots import OURS, THEIRS

_RANKED = {"stages": "ranker in the process", "stages_triton": "ranker on Triton"}
_BATCHES = (1, 32)
_LEAST = 0.002
"""Of the whole: a stage that takes less is not drawn."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage or layer, and its microseconds."""

    name: str
    took_us: float
    is_layer: bool


def draw_stages(drawing: Any, result: Figures) -> bool:
    """Draw the stages at batch 1 and 32 for each ranker; False where neither was measured."""
    found = {words: stages for name, words in _RANKED.items() if (stages := part(result, "scenarios", name))}
    if not found:
        return False
    for axes_row, (words, stages) in zip(drawing.subplots(len(found), 2, squeeze=False), found.items(), strict=True):
        for axes, batch in zip(axes_row, _BATCHES, strict=True):
            _waterfall(axes, list(bars(stages, batch)))
            total_us = sum(bar.took_us for bar in bars(stages, batch))
            each = f" ({total_us / batch:,.0f} each)" if batch > 1 else ""
            axes.set_title(f"{words}, batch of {batch}: {total_us:,.0f} µs{each}", fontsize="medium")
            axes.set_xlabel("µs")
    return True


def bars(stages: Mapping[str, Mapping[str, float]], batch: int) -> Iterator[Bar]:
    """List what a batch goes through: the layers around a lone call with its stages inside, or the stages alone."""
    layers = stages.get("layers", {}) if batch == 1 else {}
    for name in ("front_door_us", "servicer_us"):
        if name in layers:
            yield Bar(name.removesuffix("_us").replace("_", " "), layers[name], is_layer=True)
    for name, took_us in stages[str(batch)].items():
        yield Bar(name, took_us, is_layer=False)
    if "answer_us" in layers:
        yield Bar("answer", layers["answer_us"], is_layer=True)


def _waterfall(axes: Any, found: list[Bar]) -> None:
    total_us = sum(bar.took_us for bar in found)
    begins_us = 0.0
    names: list[str] = []
    for bar in found:
        if bar.took_us >= _LEAST * total_us:
            axes.barh(len(names), bar.took_us, left=begins_us, color=THEIRS if bar.is_layer else OURS)
            axes.annotate(
                f"{bar.took_us:,.0f}",
                (begins_us + bar.took_us, len(names)),
                (3, 0),
                textcoords="offset points",
                va="center",
            )
            names.append(bar.name)
        begins_us += bar.took_us
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * total_us)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
