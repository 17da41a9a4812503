"""docs/compression.md: what each form of the ranker costs and loses, and why the served one is served."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from shortlist.offline.compression import Compression
from shortlist.offline.compression_plot import front, write_front_plot
from shortlist.offline.gate import LEAST_AGREEMENT, MOST_AUC_LOST
from shortlist.offline.ranker_comparison import Compared
from shortlist.offline.variants import REFERENCE, SERVED

LEAST_SPEED = 1.8
"""Goal: times the speed of the float ranker at batch 32."""

MOST_SIZE = 0.3
"""Goal: of the float ranker's file."""

_HEAD = f"""# Compression

`make quality` writes this page again. Every variant is made of one trained float ranker by what ONNX Runtime brings,
and run as it is served, on one thread. AUC: averaged over held-out requests with a positive and a negative among their
candidates; its gain over {REFERENCE} has a 95 % interval that resamples requests in pairs. Agreement: share of the 20
best of {REFERENCE} that are among a variant's own 20 best, over held-out requests with more than 20 candidates. Times
are medians of a batch of 1 and of 32 requests; the number behind is the speed, in times that of {REFERENCE}. An int8
release is written only where the int8 ranker loses {MOST_AUC_LOST} of AUC at most and agrees on {LEAST_AGREEMENT:.0%}
at least.

Static int8 is symmetric with QDQ nodes, per channel, calibrated on requests that were trained on. Served is the one
with the two wide products and the table of items in int8, the rest in float. Weight-only variants keep products in
float. The distilled ranker has a quarter of the weights, and learnt from the float ranker's scores.
"""


def write_compression_report(results: Mapping[str, Compression], out: Path) -> None:
    """Write the page, and a plot for each exam beside it.

    Args:
        results: By the exam's name, in the order of the page.
        out: The page.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [_HEAD, *_goal_table(results)]
    for name, found in results.items():
        plot = out.with_name(f"{out.stem}-{name}.svg")
        write_front_plot(found.variants, SERVED, name, plot)
        lines += _exam(name, found, plot.name)
    out.write_text("\n".join(lines).rstrip() + "\n")


def passes(variant: Compared) -> bool:
    """Tell whether the quality gate lets a variant be served."""
    return variant.auc_gain.mean >= -MOST_AUC_LOST and variant.top20_agreement >= LEAST_AGREEMENT


def _goal_table(results: Mapping[str, Compression]) -> Iterator[str]:
    yield f"| goal for {SERVED} | {' | '.join(results)} |"
    yield f"| --- |{' --- |' * len(results)}"
    pairs = [(found.variants[SERVED], found.variants[REFERENCE]) for found in results.values()]
    goals = {
        f"{MOST_AUC_LOST} of AUC lost at most": [
            (f"{ours.auc_gain.mean:+.4f}", ours.auc_gain.mean >= -MOST_AUC_LOST) for ours, _ in pairs
        ],
        f"{LEAST_AGREEMENT:.0%} agreement at least": [
            (f"{ours.top20_agreement:.1%}", ours.top20_agreement >= LEAST_AGREEMENT) for ours, _ in pairs
        ],
        f"{LEAST_SPEED:g} times the speed at batch 32": [
            (f"{_speed(ours, theirs, 32):.2f}", _speed(ours, theirs, 32) >= LEAST_SPEED) for ours, theirs in pairs
        ],
        f"{MOST_SIZE:.0%} of the size at most": [
            (f"{_size(ours, theirs):.1%}", _size(ours, theirs) <= MOST_SIZE) for ours, theirs in pairs
        ],
    }
    for goal, figures in goals.items():
        verdicts = (f"{figure}, {'met' if is_met else 'missed'}" for figure, is_met in figures)
        yield f"| {goal} | {' | '.join(verdicts)} |"


def _exam(name: str, found: Compression, plot: str) -> Iterator[str]:
    variants = found.variants
    first = variants[REFERENCE]
    yield f"\n## {name}\n"
    yield (
        f"{found.machine}, {'with' if found.has_vnni else 'without'} AVX512-VNNI; {found.day}; seed {found.seed}. "
        f"{first.auc_requests:,} requests for the AUC, {first.agreement_requests:,} for the agreement.\n"
    )
    yield f"![Agreement with {REFERENCE} by time at batch 32]({plot})\n"
    yield f"{_told(variants)}\n"
    yield f"| variant | bytes | of {REFERENCE} | µs at 1 | µs at 32 | AUC | gain | agreement | gate |"
    yield f"| {'--- | ' * 9}".rstrip()
    for variant, compared in variants.items():
        times = (f"{compared.microseconds[batch]:,.0f} ({_speed(compared, first, batch):.2f}×)" for batch in (1, 32))
        gain = compared.auc_gain
        yield (
            f"| {variant} | {compared.size_bytes:,} | {_size(compared, first):.1%} | {' | '.join(times)} | "
            f"{compared.auc:.4f} | {gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) | "
            f"{compared.top20_agreement:.1%} | {'passes' if passes(compared) else 'refused'} |"
        )


def _told(variants: Mapping[str, Compared]) -> str:
    best = front(variants)
    fit = sorted(
        (name for name in variants if passes(variants[name])), key=lambda name: variants[name].microseconds[32]
    )
    served, first = variants[SERVED], variants[REFERENCE]
    figures = f"{_speed(served, first, 32):.2f} times the speed and {_size(served, first):.1%} of the size"
    sentences = [f"On the front of time and agreement, fastest first: {', '.join(best)}."]
    if not passes(served):
        sentences.append(f"{SERVED} is refused by the gate here, with {figures}: {REFERENCE} is served.")
    elif fit[0] == SERVED:
        sentences.append(f"Served is {SERVED}, the fastest that passes the gate, with {figures}.")
    else:
        sentences.append(f"Served is {SERVED}, with {figures}; of those that pass the gate, {fit[0]} is faster here.")
    faster = [name for name in best if variants[name].microseconds[32] < served.microseconds[32] and name not in fit]
    if faster:
        told = (f"{name} (AUC {variants[name].auc_gain.mean:+.4f})" for name in faster)
        sentences.append(f"Faster, but refused by the gate: {', '.join(told)}.")
    return " ".join(sentences)


def _speed(ours: Compared, theirs: Compared, batch: int) -> float:
    return theirs.microseconds[batch] / ours.microseconds[batch]


def _size(ours: Compared, theirs: Compared) -> float:
    return ours.size_bytes / theirs.size_bytes
