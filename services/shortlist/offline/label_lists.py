"""The lists that the ranker learns from: moments of the past, sources as of each, and what was bought after it."""

import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from shortlist.core.errors import InputError
from shortlist.offline.checkpoints import Checkpoint
from shortlist.offline.devices import choose_device
from shortlist.offline.interactions import Interactions
from shortlist.offline.progress import Stages
from shortlist.offline.ranker_lists import Bought, Lists, joined
from shortlist.offline.recipe import Recipe
from shortlist.offline.sources import FittedSources, fit_sources
from shortlist.offline.splits import TRAIN_SHARE, Split
from shortlist.offline.trending_lists import Trend

_FEWEST_TEACHING = 0.1
"""Share of the users known at a cut who come back for something new. Where there are fewer, as in a log of ratings that
each user gave in one evening (1 %), the labels are each user's last fifth: other users' future is then known."""


def label_lists(split: Split, recipe: Recipe, trend: Trend, stages: Stages) -> Lists:
    """Make the ranker's lists at each moment, from sources that know nothing later.

    Raises:
        InputError: they teach nothing.
    """
    parts = []
    for at_s in split.label_cuts:
        bought = Bought.within(split.interactions, at_s, at_s + split.horizon_s)
        parts.append(_lists_at(split, split.interactions, at_s, bought, recipe, trend, stages))
    lists = joined(parts)
    if lists.labels.any(axis=1).mean() >= _FEWEST_TEACHING:
        return lists
    first, rest = split.interactions.of_each_user(TRAIN_SHARE)
    bought = Bought.within(rest, 0, split.cut_s)
    lists = _lists_at(split, first, split.cut_s, bought, replace(recipe, checkpoints=None), trend, stages)
    if not lists.labels.any():
        raise InputError("the log is too short: nobody buys anything new that is known before a training cut")
    return lists


def _lists_at(
    split: Split, past: Interactions, at_s: int, bought: Bought, recipe: Recipe, trend: Trend, stages: Stages
) -> Lists:
    with tempfile.TemporaryDirectory() as scratch:
        sources = fit_at(split, past, at_s, Path(scratch), recipe, trend, stages)
        return Lists.at(past, split.catalogue, sources, bought)


def fit_at(
    split: Split, past: Interactions, at_s: int, folder: Path, recipe: Recipe, trend: Trend, stages: Stages
) -> FittedSources:
    """Fit sources on what lies before a moment in `past`, whose rows are those of the split, and show how far it is."""
    day = f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"
    checkpoint = (
        Checkpoint.of(recipe.checkpoints, split, at_s, asdict(recipe.towers), recipe.seed)
        if recipe.checkpoints
        else None
    )
    with stages.stage(f"sources before {day}", recipe.towers.epochs) as advance:
        return fit_sources(
            past,
            split.catalogue,
            split.texts,
            at_s,
            folder,
            recipe.towers,
            recipe.seed,
            trend,
            advance,
            checkpoint,
            choose_device(recipe.device),
        )
