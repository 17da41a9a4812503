"""report.html: what a release was made of, how it learnt, how good it is, and what a few users would have got.

One file that needs nothing from elsewhere. Titles and ids come from a log and are written as text, whatever they hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from shortlist.offline.gate import LEAST_AGREEMENT, MOST_AUC_LOST
from shortlist.offline.index_choice import LEAST_RECALL
from shortlist.offline.line_chart import line_chart
from shortlist.offline.markup import document, element, number, table
from shortlist.offline.measure import RETRIEVAL, TWO_STAGE, Quality
from shortlist.offline.report import Report
from shortlist.offline.report_examples import Example, ShownItem
from shortlist.release.bundle import Release

PAGE_NAME = "report.html"
_MEANS = {
    "ndcg_at_10": ("NDCG@10", ".4f"),
    "hit_rate_at_10": ("HR@10", ".3f"),
    "mrr": ("MRR", ".3f"),
    "recall_at_20": ("Recall@20", ".3f"),
    "recall_at_200": ("Recall@200", ".3f"),
    "coverage_at_10": ("coverage@10", ".1%"),
    "novelty_at_10": ("novelty@10", ".2f"),
    "diversity_at_10": ("diversity@10", ".3f"),
    "auc": ("AUC", ".4f"),
    "gauc": ("GAUC", ".4f"),
    "ece": ("ECE", ".4f"),
}
"""Heading and format of each mean."""
_NOT_MEASURED = (
    "Nothing was measured: no later part of the log was held out for it (shortlist train measures with --holdout 0.2)."
)


def write_page(release: Release, report: Report, examples: Sequence[Example], path: Path) -> None:
    """Write the page; what the report or the examples lack is one sentence in its place.

    Args:
        release: Whose report it is.
        report: The contents of its report.json.
        examples: Of `examples_of`; empty where nothing was held out.
        path: The file.
    """
    sections = {
        "The log": _log(report, release.manifest.notes),
        "Quality": _quality(report["metrics"]),
        "Examples": _examples(examples),
        "Learning": _learning(report),
        "Trend": _trend(report["trends"]),
        "Index": _index(report["index_curve"]),
        "Quantization": _quantization(report["quantization"]),
        "Time and memory": _cost(report),
    }
    anchors = {name: name.lower().replace(" ", "-") for name in sections}
    links = [element("a", name, href=f"#{anchor}") for name, anchor in anchors.items()]
    body = [element("h1", release.id), _facts(release), element("nav", *links)]
    for name, content in sections.items():
        body += [element("section", element("h2", name), *content, id=anchors[name])]
    path.write_text(document(f"{release.id}: report", body))


def _facts(release: Release) -> Element:
    manifest = release.manifest
    return _paragraph(
        f"Trained on {manifest.dataset} until {manifest.trained_until:%Y-%m-%d %H:%M} UTC, "
        f"made on {manifest.created:%Y-%m-%d} with seed {manifest.seed}. {manifest.item_count:,} items, embeddings of "
        f"{manifest.embedding_dimension} dimensions, {manifest.candidates} candidates ranked for a request by a "
        f"{manifest.ranker.precision} ranker.",
        "dim",
    )


def _log(report: Report, notes: Sequence[str]) -> Iterator[Element]:
    counts, read = report["counts"], report["rows_read"]
    if notes:
        yield _paragraph(f"{report['dataset']}: {'; '.join(notes)}.")
    yield table(
        ("rows", "of all", ""),
        [
            (number(f"{read:,}"), number(""), "read"),
            *(_counted(int(line["rows"]), read, f"dropped {line['reason']}") for line in report["cleaning"]),
            _counted(counts["training_events"], read, "left to train on"),
            _counted(counts["later_events"], read, "held out, newer than all of those"),
        ],
    )
    yield _paragraph(
        f"{counts['users']:,} users and {counts['items']:,} items are known; the ranker learnt from "
        f"{counts['ranker_lists']:,} lists of candidates."
    )


def _counted(rows: int, read: int, told: str) -> tuple[Element, Element, str]:
    share = rows / max(read, 1)
    return number(f"{rows:,}"), number(f"{share:.1%}", share), told


def _quality(metrics: Mapping[str, Mapping[str, float | None]]) -> Iterator[Element]:
    if not metrics:
        yield _paragraph(_NOT_MEASURED)
        return
    means = [field.name for field in fields(Quality) if any(of.get(field.name) is not None for of in metrics.values())]
    best = max(of["ndcg_at_10"] or 0.0 for of in metrics.values()) or 1.0

    def cell(of: Mapping[str, float | None], name: str) -> Element:
        value = of.get(name)
        if value is None:
            return number("")
        return number(f"{value:{_MEANS[name][1]}}", value / best if name == "ndcg_at_10" else None)

    yield _paragraph(
        "Means over users who bought something new in the part that was held out. All items of training are "
        f"candidates, but for what the user had bought before. This release is “{TWO_STAGE}”, and “{RETRIEVAL}” "
        "without its ranker; the others are what it has to beat."
    )
    yield table(
        ("model", *(_MEANS[name][0] for name in means)),
        [(model, *(cell(of, name) for name in means)) for model, of in metrics.items()],
        {place for place, model in enumerate(metrics) if model == TWO_STAGE},
    )
    yield _paragraph(
        "Coverage: share of the items shown to anybody. Novelty: mean -log2 of the share of users who bought an item, "
        "in bits. Diversity: 1 - mean cosine of all pairs of a list. GAUC: area under the curve over a user's "
        "candidates, averaged over users.",
        "dim",
    )


def _examples(examples: Sequence[Example]) -> Iterator[Element]:
    if not examples:
        yield _paragraph("Nobody is shown: no later part of the log was held out to compare a slate with.")
        return
    yield _paragraph(
        "Users of the test, from few purchases to many, and the slate that they would have been served when the "
        "training ends. “Found by” tells the place in the list of each source."
    )
    for example in examples:
        hits = {place for place, served in enumerate(example.slate) if served.is_bought}
        history = table(("bought before, newest first",), [(_item(item),) for item in example.history])
        slate = table(
            ("", "slate", "found by", "later"),
            [
                (
                    number(str(place)),
                    _item(served.item),
                    ", ".join(f"{source}\u00a0{rank}" for source, rank in served.ranks.items()),
                    "bought" if served.is_bought else "",
                )
                for place, served in enumerate(example.slate, 1)
            ],
            hits,
        )
        told = f"{len(hits)} of these {len(example.slate)} were bought later, among {example.bought:,} new items"
        yield element(
            "article",
            element("h3", f"User {example.user_id}"),
            _paragraph(f"{told}.", "dim"),
            element("div", history, slate, class_="columns user"),
        )


def _item(item: ShownItem) -> Element:
    return element("td", item.title, element("div", " › ".join(item.categories), class_="dim"))


def _learning(report: Report) -> Iterator[Element]:
    towers, ranker = report["tower_curve"], report["ranker_curve"]
    losses = {"training": "loss", "validation": "validation_loss"}
    curves = {name: [(epoch, point[key]) for epoch, point in enumerate(towers, 1)] for name, key in losses.items()}
    yield element(
        "div",
        element("div", element("h3", "Towers"), line_chart(curves, "epoch", "loss")),
        element(
            "div",
            element("h3", "Ranker"),
            line_chart({"training": list(enumerate(ranker, 1))}, f"{len(ranker)} equal parts of the steps", "loss"),
        ),
        class_="columns",
    )
    yield _paragraph("The towers are those of the epoch with the lowest validation loss.", "dim")


def _trend(trends: Sequence[Mapping[str, float | bool]]) -> Iterator[Element]:
    if not trends:
        yield _paragraph("Nobody bought anything new in the time that trends are measured on: the default holds.")
        return
    best = max(tried["ndcg_at_10"] for tried in trends) or 1.0
    yield _paragraph(
        "How fast purchases fade in the trend by which neighbours vote, and how much it decides which they are. "
        "Measured before the end of training, on what users bought anew."
    )
    yield table(
        ("half-life, days", "focus", "NDCG@10", ""),
        [
            (
                number(f"{tried['half_life_days']:g}"),
                number(f"{tried['focus']:g}"),
                number(f"{tried['ndcg_at_10']:.4f}", tried["ndcg_at_10"] / best),
                "chosen" if tried["chosen"] else "",
            )
            for tried in trends
        ],
        {place for place, tried in enumerate(trends) if tried["chosen"]},
    )


def _index(curve: Sequence[Mapping[str, Any]]) -> Iterator[Element]:
    # The search for an index ends with the first that finds enough; where none does, the first point, exact, is taken.
    chosen = len(curve) - 1 if curve[-1]["recall_at_200"] >= LEAST_RECALL else 0
    if len(curve) > 1:
        points = {"exact": curve[:1], "inverted lists": curve[1:]}
        lines = {name: [(at["microseconds"], at["recall_at_200"]) for at in part] for name, part in points.items()}
        yield line_chart(lines, "µs a query", "recall of the 200 nearest")
    else:
        yield _paragraph("So few items are searched exactly; nothing else was tried.")
    yield table(
        ("index", "lists searched", "recall@200", "µs a query", "bytes a vector", "built in", ""),
        [
            (
                point["kind"],
                number(str(point["nprobe"] or "all")),
                number(f"{point['recall_at_200']:.4f}"),
                number(f"{point['microseconds']:.0f}"),
                number(f"{point['bytes_per_vector']:.0f}"),
                number(f"{point['build_seconds']:.2f} s"),
                "chosen" if place == chosen else "",
            )
            for place, point in enumerate(curve)
        ],
        {chosen},
    )


def _quantization(measured: Mapping[str, float] | None) -> Iterator[Element]:
    if measured is None:
        yield _paragraph("The ranker is served in fp32: there is nothing to compare.")
        return
    yield table(
        ("ranker", "size", "AUC", "µs a request", "µs a batch of 32"),
        [
            (
                name,
                number(f"{measured[f'{name}_bytes'] / 1000:,.0f} kB"),
                number(f"{measured[f'{name}_auc']:.4f}"),
                number(f"{measured[f'{name}_us_of_1']:.0f}"),
                number(f"{measured[f'{name}_us_of_32']:.0f}"),
            )
            for name in ("fp32", "int8")
        ],
    )
    yield _paragraph(
        f"The AUC is of {measured['auc_requests']:,} held-out requests; int8 gains between "
        f"{measured['auc_gain_low']:+.4f} and {measured['auc_gain_high']:+.4f} (95 %; the gate allows a loss of "
        f"{MOST_AUC_LOST}). Both agree on {measured['top20_agreement']:.1%} of the top 20 of "
        f"{measured['agreement_requests']:,} requests (the gate wants {LEAST_AGREEMENT:.0%}). Timed on one thread, "
        f"{'with' if measured['has_avx512_vnni'] else 'without'} AVX512-VNNI."
    )


def _cost(report: Report) -> Iterator[Element]:
    seconds = report["seconds"]
    total = sum(seconds.values())
    yield table(
        ("stage", "seconds"),
        [(stage, number(f"{spent:.1f}", spent / (total or 1.0))) for stage, spent in seconds.items()],
    )
    yield _paragraph(
        f"{total:.0f} s in all, and at most {report['peak_memory_bytes'] / 2**20:,.0f} MiB of memory, "
        "which is the peak of the process."
    )


def _paragraph(text: str, kind: str = "") -> Element:
    return element("p", text, class_=kind)
