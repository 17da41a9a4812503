"""What is written down about a training: report.json, and its summary on the screen."""

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from shortlist.offline.gate import Quantization
from shortlist.offline.index_tuning import IndexPoint
from shortlist.offline.measure import Quality
from shortlist.offline.splits import Split


class Report(TypedDict):
    """The contents of report.json."""

    dataset: str
    rows_read: int
    cleaning: list[dict[str, str | int]]
    counts: dict[str, int]
    trends: list[dict[str, float | bool]]
    tower_curve: list[dict[str, float]]
    index_curve: list[dict[str, float | str | bool]]
    ranker_curve: list[float]
    quantization: dict[str, float | bool] | None
    metrics: dict[str, dict[str, float]]
    seconds: dict[str, float]
    peak_memory_bytes: int


def report_of(
    split: Split,
    lists: int,
    trends: Sequence[dict[str, float | bool]],
    tower_curve: Sequence[dict[str, float]],
    index_curve: Sequence[IndexPoint],
    ranker_curve: Sequence[float],
    quantization: Quantization | None,
    metrics: Mapping[str, Quality],
    seconds: Mapping[str, float],
) -> Report:
    """Put a report together.

    Args:
        split: What was trained on, and what came after.
        lists: How many lists the ranker learnt from.
        trends: Of the neighbour lists, with the quality of each and the one chosen.
        tower_curve: The towers' losses.
        index_curve: The kinds of index tried.
        ranker_curve: The ranker's losses.
        quantization: What the gate saw.
        metrics: Of each model.
        seconds: Of each stage.
    """
    train = split.train
    return Report(
        dataset=train.dataset,
        rows_read=train.rows_read,
        cleaning=[{"rows": line.rows, "reason": line.reason} for line in train.dropped],
        counts={
            "training_events": train.events.height,
            "later_events": split.later.events.height,
            "users": len(split.interactions.user_ids),
            "items": len(split.interactions.vocabulary.ids),
            "ranker_lists": lists,
        },
        trends=list(trends),
        tower_curve=list(tower_curve),
        index_curve=[asdict(point) for point in index_curve],
        ranker_curve=list(ranker_curve),
        quantization=asdict(quantization) if quantization else None,
        metrics={model: asdict(quality) for model, quality in metrics.items()},
        seconds=dict(seconds),
        peak_memory_bytes=peak_memory_bytes(),
    )


def peak_memory_bytes() -> int:
    """Tell the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # getrusage(2): kilobytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024


def print_report(report: Report, console: Console) -> None:
    """Print what was dropped, what is left, and how good the result is."""
    cleaning = Table("rows", "", title=f"{report['dataset']}: {report['rows_read']:,} rows read")
    for line in report["cleaning"]:
        cleaning.add_row(f"{line['rows']:,}", f"dropped {line['reason']}")
    for name, count in report["counts"].items():
        cleaning.add_row(f"{count:,}", name.replace("_", " "))
    console.print(cleaning)
    if report["quantization"] is not None:
        measured = report["quantization"]
        console.print(
            f"int8 ranker: AUC {measured['int8_auc']:.4f}, float {measured['fp32_auc']:.4f}; "
            f"they agree on {measured['top20_agreement']:.1%} of the top 20"
        )
    if report["metrics"]:
        console.print(quality_table({model: Quality(**means) for model, means in report["metrics"].items()}))
    spent = sum(report["seconds"].values())
    console.print(f"{spent:.0f} s, at most {report['peak_memory_bytes'] / 2**20:,.0f} MiB of memory")


def quality_table(measured: Mapping[str, Quality], title: str = "on what came after, new items only") -> Table:
    """Lay the figures out, a line a model."""
    table = Table("model", title=title)
    for column in ("NDCG@10", "HR@10", "Recall@200"):
        table.add_column(column, justify="right")
    for model, quality in measured.items():
        table.add_row(
            model, f"{quality.ndcg_at_10:.4f}", f"{quality.hit_rate_at_10:.4f}", f"{quality.recall_at_200:.4f}"
        )
    return table
