"""The service as its callers meet it: traffic, latency, load, degradation, objectives, releases."""

from deploy.grafana.panels import Panel, assemble, heat_map, lines, listing, number, stacked, stacked_bars
from deploy.grafana.promql import GATEWAY, mean, per_second, quantile, selected, short_method
from grafana_foundation_sdk.models.dashboard import Dashboard

from shortlist.telemetry.gateway import STAGES

REQUESTS = "shortlist_gateway_requests_total"
LATENCY = "shortlist_gateway_request_seconds"
QUEUE = "shortlist_gateway_queue_seconds"
STAGE = "shortlist_gateway_stage_seconds"
BATCH_SIZE = "shortlist_gateway_batch_size_requests"
SLATES = "shortlist_gateway_slates_total"

RECOMMEND = 'method="/shortlist.v1.RecommenderService/Recommend"'
FAILED = 'code=~"UNAVAILABLE|INTERNAL|UNKNOWN|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|DATA_LOSS"'
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}

UNAVAILABILITY_BUDGET = 0.001
"""Share of calls that may fail: the objective is 99.9 % answered."""
TARGET_S = 0.05
SLOWNESS_BUDGET = 0.01
"""Share of Recommend calls that may take longer than the target: the objective is 99 % within it."""
BURN_WINDOWS = ("5m", "1h", "6h")


def board() -> Dashboard:
    """Build the dashboard."""
    return assemble(
        "shortlist-service",
        "Shortlist: service",
        "What callers get: how much, how fast, how complete, and from which release.",
        {
            "Traffic": _traffic(),
            "Latency": _latency(),
            "Load": _load(),
            "Degradation": _degradation(),
            "Objectives": _objectives(),
            "Releases": _releases(),
        },
    )


def _traffic() -> list[Panel]:
    return [
        stacked(
            "Calls by method",
            "The height is all calls that were answered, with an error or without, each colour one method's share.",
            "reqps",
            {"{{method}}": short_method(per_second(REQUESTS, GATEWAY, by=["method"]))},
            width=12,
        ),
        lines(
            "Errors by code",
            "A line above 0 is calls that ended in this gRPC status: INVALID_ARGUMENT and NOT_FOUND are the callers' "
            "doing, UNAVAILABLE, INTERNAL and RESOURCE_EXHAUSTED ours.",
            "reqps",
            {"{{code}}": per_second(REQUESTS, GATEWAY, 'code!="OK"', by=["code"])},
            width=12,
        ),
    ]


def _latency() -> list[Panel]:
    return [
        lines(
            "Latency of Recommend",
            "Each line is the time within which that share of Recommend calls was answered, queue included; "
            "the dashed line is the target for p99.",
            "s",
            {name: quantile(share, LATENCY, GATEWAY, RECOMMEND) for name, share in PERCENTILES.items()},
            limit=TARGET_S,
        ),
        lines(
            "p99 by method",
            "The time within which 99 of 100 calls of each method were answered; a gap is a time without such calls.",
            "s",
            {"{{method}}": short_method(quantile(0.99, LATENCY, GATEWAY, by=["method"]))},
        ),
        heat_map(
            "Latency heat map",
            "A column is a moment and a cell a bucket of latency, brighter the more calls fell in it: "
            "two bright bands are two kinds of calls.",
            "s",
            per_second(f"{LATENCY}_bucket", GATEWAY, by=["le"]),
        ),
        stacked_bars(
            "Waterfall of stages",
            "Mean times from the bottom up in order of execution, the sources among themselves by name: red the wait "
            "of a request in the queue, the rest the compute of its batch, the tallest block what to look at first.",
            "s",
            _waterfall(),
            width=16,
            apart="queue",
        ),
        lines(
            "Queue against compute",
            "99 of 100 requests waited no longer than the first line and 99 of 100 batches ranked no longer than the "
            "second: where the queue is above, the gateway lacks workers or cores.",
            "s",
            {
                "p99 queue": quantile(0.99, QUEUE, GATEWAY),
                "p99 rank": quantile(0.99, STAGE, GATEWAY, 'stage="rank"'),
            },
        ),
    ]


def _waterfall() -> dict[str, str]:
    """Average the queue and each stage, in order; the sources stand where the pipeline asks them, before the merge."""
    ours = [stage for stage in STAGES if stage != "similar"]  # which is a pipeline of its own
    asked = ours.index("merge")
    by_stage = {stage: mean(STAGE, GATEWAY, f'stage="{stage}"') for stage in ours}
    sources = mean(STAGE, GATEWAY, f'stage!~"{"|".join(STAGES)}"', by=["stage"])
    return {
        "queue": mean(QUEUE, GATEWAY),
        **{stage: by_stage[stage] for stage in ours[:asked]},
        "{{stage}}": sources,
        **{stage: by_stage[stage] for stage in ours[asked:]},
    }


def _load() -> list[Panel]:
    return [
        lines(
            "Batch size",
            "Requests that a batch held when it began: near 1 the gateway is idle, near the maximum it is full.",
            "none",
            {"mean": mean(BATCH_SIZE, GATEWAY), "p90": quantile(0.9, BATCH_SIZE, GATEWAY)},
            width=6,
        ),
        lines(
            "Requests waiting",
            "Requests in each gateway's queue: a line that stays above 0 means that more comes in than goes out.",
            "none",
            {"{{instance}}": f"sum by (instance) ({selected('shortlist_gateway_waiting_requests', GATEWAY)})"},
            width=6,
        ),
        lines(
            "Refused and dropped",
            "Requests refused because the queue was full, and those dropped before work was spent on them, by reason.",
            "reqps",
            {
                "refused": per_second("shortlist_gateway_refused_total", GATEWAY),
                "{{reason}}": per_second("shortlist_gateway_dropped_total", GATEWAY, by=["reason"]),
            },
            width=6,
        ),
        lines(
            "Slow requests",
            "Requests over the limit for slow ones: each has a line in the gateway's log that holds its stages.",
            "reqps",
            {"slow": per_second("shortlist_gateway_slow_requests_total", GATEWAY)},
            width=6,
        ),
    ]


def _degradation() -> list[Panel]:
    degraded = per_second(SLATES, GATEWAY, 'degraded="yes"')
    return [
        stacked(
            "Degraded answers by reason",
            "Answers that stand on a step of the ladder; one that stands on two counts in both colours.",
            "reqps",
            {"{{reason}}": per_second("shortlist_gateway_degraded_total", GATEWAY, by=["reason"])},
            width=12,
        ),
        lines(
            "Degraded share",
            "The share of answers with items that were not whole: 0 is as it should be.",
            "percentunit",
            {"degraded": f"{degraded} / {per_second(SLATES, GATEWAY)}"},
            width=12,
        ),
    ]


def _objectives() -> list[Panel]:
    return [
        lines(
            "Availability budget burn",
            "How many times faster than allowed failed calls use up the 0.1 % that may fail, by window: "
            "above the dashed line the objective will be missed.",
            "none",
            {window: _unavailability_burn(window) for window in BURN_WINDOWS},
            width=12,
            limit=1,
        ),
        lines(
            "Latency budget burn",
            "How many times faster than allowed slow calls use up the 1 % of Recommend calls that may take over 50 ms, "
            "by window: above the dashed line the objective will be missed.",
            "none",
            {window: _slowness_burn(window) for window in BURN_WINDOWS},
            width=12,
            limit=1,
        ),
    ]


def _unavailability_burn(window: str) -> str:
    failed = per_second(REQUESTS, GATEWAY, FAILED, window=window)
    return f"{failed} / {per_second(REQUESTS, GATEWAY, window=window)} / {UNAVAILABILITY_BUDGET}"


def _slowness_burn(window: str) -> str:
    in_time = per_second(f"{LATENCY}_bucket", GATEWAY, RECOMMEND, f'le="{TARGET_S}"', window=window)
    every = per_second(f"{LATENCY}_count", GATEWAY, RECOMMEND, window=window)
    return f"(1 - {in_time} / {every}) / {SLOWNESS_BUDGET}"


def _releases() -> list[Panel]:
    trained_until = selected("shortlist_gateway_release_trained_until_seconds", GATEWAY)
    return [
        listing(
            "What is running",
            "A line a gateway with what it runs: more than one release for longer than a roll-out takes is skew.",
            selected("shortlist_gateway_info", GATEWAY),
            ["instance", "version", "release", "front", "ranker", "device"],
            width=16,
        ),
        number(
            "Age of the release's log",
            "Time since the newest event that each served release was trained on: what happened later it cannot know.",
            "s",
            {
                "{{release}}": f"max by (release) ((time() - {trained_until})"
                " * on (job, instance) group_left (release) shortlist_gateway_info)"
            },
        ),
    ]
