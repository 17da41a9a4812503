"""A result of `make bench`, made up: plausible figures, the same each time, for the report and its goals."""

from typing import Any

from loadtest.bench.systems import FASTAPI_INLINE, OURS

CAPACITIES = {
    OURS[0]: 3_300.0,
    OURS[1]: 2_700.0,
    OURS[2]: 3_050.0,
    "fastapi": 1_250.0,
    "litserve": 960.0,
    "bentoml": 640.0,
    "ray": 440.0,
}
"""Answers a second with p99 under 50 ms, in a round in which nothing drifts."""
LONE_MS = {
    OURS[0]: 0.74,
    OURS[1]: 1.52,
    OURS[2]: 0.86,
    "fastapi": 1.6,
    "litserve": 3.9,
    "bentoml": 4.4,
    "ray": 8.7,
    FASTAPI_INLINE: 1.21,
}
KERNELS_PER_S, KERNELS_CPU_MS = 4_600.0, 0.43
FACTS = {
    "items": 100_000,
    "users": 100_000,
    "seed": 7,
    "index": "IVF256,SQfp16",
    "nprobe": 37,
    "recall_at_200": 0.9708,
    "search_us": 152.0,
    "candidate_dense": ["tower_score", "tower_log_rank"],
}
_DRIFTS = (1.0, 0.96, 1.03, 0.98, 1.01)
"""Of the machine's speed, by round."""
_WRITES = 0.1


def bench_result(rounds: int = 5) -> dict[str, Any]:
    """Make a complete result of up to five rounds in which every system and scenario was measured."""
    drifts = _DRIFTS[:rounds]
    return {
        "machine": "AMD EPYC, 2 cores, Python 3.11.7 (AVX512-VNNI)",
        "date": "2026-01-02",
        "load_before": 0.12,
        "workload": dict(FACTS),
        "is_complete": True,
        "rounds": [_round(drift) for drift in drifts],
        "half_rate": {
            "rate": 694.0,
            "peer": "fastapi",
            "rounds": [
                {name: step(694.0, CAPACITIES[name] * drift, LONE_MS[name]) for name in (*OURS[:2], "fastapi")}
                for drift in drifts
            ],
        },
        "scenarios": _scenarios(),
    }


def step(rate: float, capacity: float, lone_ms: float) -> dict[str, Any]:
    """Make a run at a rate of calls: latency grows towards the capacity, past it p99 is late and nothing is kept."""
    asked = rate * (1 - _WRITES)
    busy = asked / capacity
    p50_ms = lone_ms * (1 + 3 * busy**3) if busy <= 1.0001 else 60 * busy**4
    steep = min(9.0, 47.0 / (2.2 * lone_ms) - 1)
    p99_ms = 2.2 * lone_ms * (1 + steep * busy**4) if busy <= 1.0001 else (220.0 * busy**3 if busy < 1.25 else None)
    answered = min(asked, capacity)
    return {
        "rate": rate,
        "answers_per_s": answered,
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "outcomes": {"ok": round(answered * 5)} | ({"RESOURCE_EXHAUSTED": 12} if busy > 1.25 else {}),
        "write_outcomes": {"ok": round(rate * _WRITES * 5)},
        "generator_cpu_share": 5e-5 * rate,
        "server_cpu_ms_an_answer": 0.18 + 1.35e3 / capacity,
    }


def _round(drift: float) -> dict[str, Any]:
    systems: dict[str, Any] = {
        # Each drifts a little by itself as well, so that ratios differ by round.
        name: _system(name, capacity * drift * (1 + 0.004 * (round(100 * drift) * (place + 2) % 5)))
        for place, (name, capacity) in enumerate(CAPACITIES.items())
    }
    systems[FASTAPI_INLINE] = {"start_s": 1.9, "sequential": _sequential(FASTAPI_INLINE, drift), "pss_mb": 231.0}
    kernels = {
        "batch": 32,
        "workers": "threads",
        "requests_per_s": KERNELS_PER_S * drift,
        "cpu_ms_a_request": KERNELS_CPU_MS / drift,
    }
    return {"load": 0.8 + drift, "kernels": kernels, "systems": systems}


def _system(name: str, capacity: float) -> dict[str, Any]:
    highest = capacity / (1 - _WRITES)
    steps = [step(share * highest, capacity, LONE_MS[name]) for share in (0.6, 0.78, 0.9, 1.0, 1.3, 1.04)]
    best = steps[3]
    measured: dict[str, Any] = {
        "start_s": 2.4,
        "sequential": _sequential(name, capacity / CAPACITIES[name]),
        "saturation": {
            **{key: best[key] for key in ("rate", "answers_per_s", "p50_ms", "p99_ms", "server_cpu_ms_an_answer")},
            "is_generator_bound": False,
            "steps": steps,
        },
        "pss_mb": 260.0 if name in OURS else 420.0,
    }
    if name in OURS:
        answers_per_s = 1.2 * capacity
        measured["batch"] = {
            "answers_per_s": answers_per_s,
            "server_cpu_ms_an_answer": 0.49,
            "outcomes": {"ok": round(answers_per_s * 3)},
        }
    return measured


def _sequential(name: str, drift: float) -> dict[str, float]:
    return {"p50_ms": LONE_MS[name] / drift, "p99_ms": 2.1 * LONE_MS[name] / drift}


def _scenarios() -> dict[str, Any]:
    return {
        "batching_cost": {"direct_ms": 0.612, "batched_ms": 0.704, "price_ms": 0.088, "pairs": 10_000},
        "million_items": {
            "answers_per_s": {"100000": [3_010.0, 2_950.0, 3_080.0], "1000000": [2_190.0, 2_230.0, 2_170.0]},
            "facts": {
                "100000": dict(FACTS),
                "1000000": {**FACTS, "items": 1_000_000, "index": "IVF1024,SQfp16", "nprobe": 53, "search_us": 444.0},
            },
        },
        "processes": {
            "rounds": [
                {"unpinned": {"1": 3_000.0 * drift, "2": 3_060.0}, "pinned": {"1": 1_700.0 * drift, "2": 3_020.0}}
                for drift in _DRIFTS[:3]
            ],
            "generator_cpu_share": {"unpinned": {"1": 0.22, "2": 0.23}, "pinned": {"1": 0.15, "2": 0.24}},
        },
        "near_cache": {
            "held_rows": 20_000,
            "shares": {"0.0": 0.842, "0.1": 0.701},
            "seen_ms": {"median": 0.6, "p99": 3.7, "writes": 1_400},
            "event_seen_ms": {"median": 0.0, "p99": 1.9, "writes": 900},
            "event_sent_ms": {"median": 2.6, "p99": 8.1, "writes": 900},
            "rate": 1_650.0,
        },
        "events": {
            "rounds": [
                {"events_per_s": 16_000.0 * drift, "server_cpu_ms_an_event": 0.031, "p50_ms": 9.8, "p99_ms": 21.0}
                for drift in _DRIFTS[:3]
            ],
            "one_user": {"some": 1_000, "some_ms": 3.1, "very_many": 100_000, "very_many_ms": 3.2},
        },
        "upserts": {
            "rate": 800.0,
            "rounds": [
                {"p99_without_ms": 9.0 * drift, "p99_ms": 10.2 * drift, "upserts_per_s": 1_000.0}
                for drift in _DRIFTS[:3]
            ],
        },
        "sources": {
            "rounds": [
                {"1": {"one_ms": 0.8 * drift, "all_ms": 1.05 * drift}, "32": {"one_ms": 7.0, "all_ms": 8.6 * drift}}
                for drift in _DRIFTS[:3]
            ],
        },
        "memory": {"pss_mb": {"start": 210.0, "after_100k": 262.0}, "index_mb": 13.8, "requests": 100_000},
        "fronts": {
            "rounds": [
                {
                    "native": _front(2_900.0 * drift, 0.52, 0.83),
                    "grpcio": _front(1_700.0 * drift, 0.93, 1.31),
                }
                for drift in _DRIFTS[:3]
            ]
        },
        "overload": {"native": _curve(3_050.0, 0.01), "grpcio": _curve(1_750.0, 0.17)},
        "triton_settings": {
            "points": [
                {
                    "instances": instances,
                    "threads": threads,
                    "answers_per_s": answers_per_s,
                    "sequential_p50_ms": p50_ms,
                }
                for instances, threads, answers_per_s, p50_ms in (
                    (1, 1, 2_500.0, 1.61),
                    (1, 2, 2_410.0, 1.48),
                    (2, 1, 2_560.0, 1.63),
                    (2, 2, 2_330.0, 1.5),
                )
            ]
        },
        "stages": _stages(rank_us=(270.0, 4_600.0)),
        "stages_triton": _stages(rank_us=(960.0, 5_900.0)),
        "filters": {
            "points": [
                {"share": share, "ratio": ratio, "recall": recall}
                for share, ratio, recall in ((0.01, 0.21, 1.0), (0.1, 1.25, 1.0), (0.3, 4.1, 0.978), (0.9, 1.63, 0.973))
            ],
            "items": 1_000_000,
            "unfiltered_recall": 0.971,
        },
        "index_tuning": {
            "100000": _tuning((1, 2, 4, 8, 16, 24, 37, 54, 64), 4.0, 0.80),
            "1000000": _tuning((1, 2, 4, 8, 16, 32, 53, 76, 91), 8.0, 0.66),
        },
    }


def _front(answers_per_s: float, cpu_ms: float, p50_ms: float) -> dict[str, float]:
    return {"answers_per_s": answers_per_s, "server_cpu_ms_an_answer": cpu_ms, "sequential_p50_ms": p50_ms}


def _curve(capacity: float, lost: float) -> dict[str, Any]:
    points = []
    for factor in (0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0):
        goodput = capacity * (factor if factor <= 1 else max(1.04 - lost * factor, 0.1))
        points.append(
            {
                "factor": factor,
                "rate": factor * capacity,
                "goodput_per_s": goodput,
                "refused_per_s": max(factor * capacity - goodput, 0.0),
                "p99_ms": 12.0 * factor if factor <= 1 else None,
            }
        )
    return {"capacity": capacity, "points": points}


def _stages(rank_us: tuple[float, float]) -> dict[str, Any]:
    lone = {
        "queue": 35.0,
        "features": 92.0,
        "encode": 41.0,
        "tower": 205.0,
        "popular": 4.0,
        "merge": 31.0,
        "tensors": 22.0,
    }
    batch = {name: 9.0 * took_us for name, took_us in lone.items()} | {"tower": 3_900.0}
    return {
        "1": {**lone, "rank": rank_us[0], "slate": 24.0, "similar": 0.0},
        "32": {**batch, "rank": rank_us[1], "slate": 410.0, "similar": 0.0},
        "layers": {
            "front_door_us": 118.0,
            "pipeline_us": 415.0 + rank_us[0],
            "servicer_us": 33.0,
            "answer_us": 28.0,
            "metrics_us": 41.0,
        },
    }


def _tuning(nprobes: tuple[int, ...], us_a_list: float, first: float) -> dict[str, Any]:
    tried = [
        {
            "setting": {"nprobe": float(nprobe)},
            "recall_at_200": 1.0 - (1.0 - first) / nprobe**0.62 * (1 if nprobe < 20 else 0.9),
            "microseconds": 12.0 + us_a_list * nprobe,
        }
        for nprobe in nprobes
    ]
    return {"least_recall": 0.97, "tried": tried, "exact_microseconds": 750.0}
