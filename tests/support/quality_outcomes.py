"""Outcomes of `make quality` made up: every user of a model has much the same NDCG@10."""

from collections.abc import Mapping

import numpy as np

from shortlist.offline.measure import Measured, Quality
from shortlist.offline.quality_results import ExamResults, Outcome

MODELS = {"two-stage": 0.2, "retrieval only": 0.15}
BASELINES = {"popularity": 0.05, "EASE": 0.1, "time-aware EASE": 0.13, "time-aware EASE, fixed": 0.14}
_USERS = 100
_ABOUT: dict[str, str | int | float] = {
    "users": _USERS,
    "users_with_repurchases": _USERS + 1,
    "items": 1_234,
    "unknown_users": 5,
    "unknown_items": 6,
    "cut": "2011-09-12",
    "seconds": 60,
    "peak_memory_bytes": 2**31,
    "machine": "a machine",
    "day": "2026-01-02",
}


def quality_of(ndcg: float, gauc: float | None = None) -> Quality:
    """Make means out of one."""
    return Quality(ndcg, 0.4, 0.3, 0.2, 0.3, 0.5, 4.0, 0.6, gauc=gauc)


def outcome(
    models: Mapping[str, float],
    *,
    chosen: dict[str, str] | None = None,
    source_recalls: dict[str, float] | None = None,
    new_items: dict[str, float] | None = None,
) -> Outcome:
    """Make an outcome out of the NDCG@10 of models; users are the same for all."""
    spread = np.random.default_rng(0).uniform(0.9, 1.1, _USERS)
    measured = {name: Measured(quality_of(ndcg), ndcg * spread) for name, ndcg in models.items()}
    return Outcome(dict(_ABOUT), measured, dict(measured), chosen or {}, source_recalls or {}, new_items or {})


def exam_results(
    name: str,
    two_stage: float = 0.2,
    *,
    recalls: dict[str, float] | None = None,
    served: Mapping[str, float] | None = None,
    new_items: dict[str, float] | None = None,
) -> ExamResults:
    """Make an exam of two seeds, .01 apart around `two_stage`."""
    recalls = recalls or {"all together": 0.5, "tower": 0.4, "popular": 0.2}
    seeds = {
        seed: outcome(MODELS | {"two-stage": two_stage + shift}, source_recalls=recalls, new_items=new_items)
        for seed, shift in ((1, -0.005), (2, 0.005))
    }
    return ExamResults(name, outcome(BASELINES, chosen={"EASE": "ridge 500"}), seeds, {}, served or {})
