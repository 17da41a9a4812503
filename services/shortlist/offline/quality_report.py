"""docs/quality.md: goals, tables and plots out of the results of `make quality`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from shortlist.offline.ablation import AS_SERVED
from shortlist.offline.baseline_set import LEFT_OUT
from shortlist.offline.exams import EXAMS, ExamPlan
from shortlist.offline.measure import RETRIEVAL, TWO_STAGE, Measured, gain
from shortlist.offline.new_items import COMPARED, READINGS
from shortlist.offline.quality_goals import gain_text, goals
from shortlist.offline.quality_plots import write_plot
from shortlist.offline.quality_results import ExamResults, average

_HEAD = f"""# Answer quality

`make quality` writes this page again. A release is trained on what lies before a cut, and tested on what its users did
after it: all training items are candidates, only users with something relevant count. In the main tables what a user
bought before is neither candidate nor relevant; in those with re-purchases it is both. Constants of the baselines
(ridge, half-life, trend, factors) are chosen on a window before the cut. Figures of the two stages are means over
seeds. An interval (95 %) resamples users in pairs, after each user's NDCG@10 was averaged over the seeds.
{LEFT_OUT}

Coverage@10: share of the catalogue shown to anybody. Novelty@10: mean -log2 of the share of users who bought an item,
in bits. Diversity@10: 1 - mean cosine of all pairs of a list, by the embeddings of the first seed's release. GAUC: area
under the curve over a user's candidates, averaged over users; AUC: over all users' candidates at once; ECE: calibration
error in 15 bins of equal numbers. Recall@200 of a single source: as many candidates as it is asked for in serving.
"""


def write_report(results: Mapping[str, ExamResults], out: Path) -> None:
    """Write the page, and a plot for each exam beside it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [_HEAD, *_goal_table(results)]
    for plan in EXAMS:
        if found := results.get(plan.name):
            plot = out.with_name(f"{out.stem}-{plan.name}.svg")
            write_plot(models_of(found), plan.name, plot)
            lines += _exam(plan, found, plot.name)
    out.write_text("\n".join(lines).rstrip() + "\n")


def models_of(found: ExamResults) -> dict[str, Measured]:
    """Give the release's models, averaged over seeds, and the baselines."""
    return {model: found.over_seeds(model) for model in (TWO_STAGE, RETRIEVAL)} | found.baselines.models


def _goal_table(results: Mapping[str, ExamResults]) -> Iterator[str]:
    yield "| goal | measured | |"
    yield "| --- | --- | --- |"
    for goal in goals(results):
        yield f"| {goal.wanted} | {goal.measured} | {goal.verdict} |"


def _exam(plan: ExamPlan, found: ExamResults, plot: str) -> Iterator[str]:
    about, first = found.baselines.about, next(iter(found.seeds.values())).about
    yield f"\n## {plan.name}\n"
    yield (
        f"{plan.told[0].upper()}{plan.told[1:]} ({about['cut']}). {about['users']:,} users, {about['items']:,} items. "
        f"Counted apart and not tested: {about['unknown_users']:,} users and {about['unknown_items']:,} items that "
        f"training does not hold, new or too rare. "
        f"Seeds {', '.join(map(str, found.seeds))}; {first['machine']}; {first['day']}.\n"
    )
    yield f"![NDCG@10 of all models, and the gain over each]({plot})\n"
    yield from _models(models_of(found), found.baselines.chosen)
    yield f"\nWith re-purchases, {about['users_with_repurchases']:,} users:\n"
    ours = {
        model: average([outcome.repurchases[model] for outcome in found.seeds.values()])
        for model in (TWO_STAGE, RETRIEVAL)
    }
    yield from _models(ours | found.baselines.repurchases, {})
    yield from _new_items(found)
    yield from _seeds(found)
    yield from _ablations(found)


def _models(models: Mapping[str, Measured], chosen: Mapping[str, str]) -> Iterator[str]:
    means = ("NDCG@10", "HR@10", "MRR", "Recall@20", "Recall@200", "coverage@10", "novelty@10", "diversity@10")
    yield f"| model | gain of {TWO_STAGE} | {' | '.join(means)} | constants |"
    yield f"| --- | {'--- | ' * len(means)}--- | --- |"
    for name, measured in models.items():
        quality = measured.quality
        over = gain_text(gain(models[TWO_STAGE].ndcg, measured.ndcg)) if name != TWO_STAGE else ""
        shares = (quality.hit_rate_at_10, quality.mrr, quality.recall_at_20, quality.recall_at_200)
        yield (
            f"| {name} | {over} | {quality.ndcg_at_10:.4f} | {' | '.join(f'{share:.3f}' for share in shares)} | "
            f"{quality.coverage_at_10:.1%} | {quality.novelty_at_10:.2f} | {quality.diversity_at_10:.3f} | "
            f"{chosen.get(name, '')} |"
        )


def _new_items(found: ExamResults) -> Iterator[str]:
    """Tell of items without a training event, where there are some."""
    if not (measured := found.new_items):
        return
    told, others = (", ".join(f"{name} {measured[name]:.4f}" for name in names) for names in (COMPARED, READINGS))
    yield (
        f"\nItems first bought after the cut: {measured['items']:,.0f}, by {measured['users']:,.0f} known users. "
        f"NDCG@10 with these items alone as candidates: {told}. Content otherwise read: {others}."
    )


def _seeds(found: ExamResults) -> Iterator[str]:
    yield "\n| seed | NDCG@10 | GAUC | AUC | ECE | trained in | peak memory |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for seed, outcome in found.seeds.items():
        quality = outcome.models[TWO_STAGE].quality
        scores = ("" if value is None else f"{value:.4f}" for value in (quality.gauc, quality.auc, quality.ece))
        memory = int(outcome.about["peak_memory_bytes"]) / 2**30
        yield (
            f"| {seed} | {quality.ndcg_at_10:.4f} | {' | '.join(scores)} | {outcome.about['seconds']} s | "
            f"{memory:.1f} GiB |"
        )


def _ablations(found: ExamResults) -> Iterator[str]:
    """Put releases that lack a part next to that of the same seed which does not, where there are some."""
    if not found.ablations:
        return
    seed, whole = next(iter(found.seeds.items()))
    yield f"\nWithout a part, or with another in its place; seed {seed} alone, so differences of .002 may be chance:\n"
    yield "| | two-stage NDCG@10 | gain of the whole | retrieval NDCG@10 | Recall@200 |"
    yield "| --- | --- | --- | --- | --- |"
    for name, outcome in {AS_SERVED: whole, **found.ablations}.items():
        ranked, retrieved = outcome.models[TWO_STAGE], outcome.models[RETRIEVAL]
        over = gain_text(gain(whole.models[TWO_STAGE].ndcg, ranked.ndcg)) if outcome is not whole else ""
        yield (
            f"| {name} | {ranked.quality.ndcg_at_10:.4f} | {over} | {retrieved.quality.ndcg_at_10:.4f} | "
            f"{retrieved.quality.recall_at_200:.3f} |"
        )
