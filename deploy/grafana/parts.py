"""The parts behind the service: Triton, the index, Redis, the edge, and the processes themselves."""

from deploy.grafana.panels import Panel, assemble, lines, number, stacked, states
from deploy.grafana.promql import GATEWAY, WINDOW, mean, per_second, quantile, selected
from grafana_foundation_sdk.models.dashboard import Dashboard

INDEX = "shortlist_gateway_index_search_seconds"
STAGE = "shortlist_gateway_stage_seconds"
NEAR_CACHE = "shortlist_features_near_cache"
DERIVED = "shortlist_features"
EDGE_LATENCY = "envoy_cluster_upstream_rq_time"
GATEWAYS_OF_THE_EDGE = 'envoy_cluster_name="gateway"'
CALLERS_OF_THE_EDGE = 'envoy_http_conn_manager_prefix="edge"'


def board() -> Dashboard:
    """Build the dashboard."""
    return assemble(
        "shortlist-parts",
        "Shortlist: parts",
        "What the service stands on: which part is up, how busy it is, and what it costs.",
        {
            "Overview": _overview(),
            "Triton": _triton(),
            "Index": _index(),
            "Redis": _redis(),
            "Near cache": _near_cache(),
            "Events": _events(),
            "Edge": _edge(),
            "Processes": _processes(),
        },
    )


def _overview() -> list[Panel]:
    return [
        states(
            "Parts that answer Prometheus",
            "A strip a part, red while one of its processes could not be scraped; the job `redis` is the exporter's.",
            {"{{job}}": "min by (job) (up)", "redis itself": "min (redis_up)"},
            {0: ("down", "red"), 1: ("up", "green")},
        ),
        states(
            "Breakers",
            "A strip a dependency, red while it is not asked because it kept failing, yellow while one call tries it.",
            {"{{dependency}}": f"max by (dependency) ({selected('shortlist_gateway_breaker_state', GATEWAY)})"},
            {0: ("closed", "green"), 1: ("half-open", "yellow"), 2: ("open", "red")},
        ),
        lines(
            "Dependency errors",
            "Batches for which a dependency gave no usable answer, and batches that went without a source: "
            "each of them left degraded answers.",
            "ops",
            {
                "{{dependency}}": per_second("shortlist_gateway_dependency_errors_total", GATEWAY, by=["dependency"]),
                "source {{source}}": per_second("shortlist_gateway_source_failures_total", GATEWAY, by=["source"]),
            },
        ),
    ]


def _triton() -> list[Panel]:
    calls = per_second("nv_inference_request_success", by=["model"])
    return [
        lines(
            "Triton: batch size",
            "Requests that one run of the model answered, on average: the batches of the gateways, joined where "
            "dynamic batching joined them.",
            "none",
            {
                "{{model}}": f"{per_second('nv_inference_count', by=['model'])}"
                f" / {per_second('nv_inference_exec_count', by=['model'])}"
            },
            width=6,
        ),
        stacked(
            "Triton: time of a call",
            "Mean time of a call inside Triton: a queue that is a large part of it means too few instances of the "
            "model.",
            "s",
            {step: _triton_step(step, calls) for step in ("queue", "compute_input", "compute_infer", "compute_output")},
            width=6,
        ),
        lines(
            "Triton: calls",
            "Calls that the model answered a second; a gap is a time in which Triton was gone.",
            "reqps",
            {"{{model}}": calls},
            width=6,
        ),
        lines(
            "Triton: failures",
            "Calls that Triton failed, by reason: the gateways answered these in retrieval order.",
            "reqps",
            {"{{reason}}": per_second("nv_inference_request_failure", by=["reason"])},
            width=6,
        ),
    ]


def _triton_step(step: str, calls: str) -> str:
    return f"sum ({per_second(f'nv_inference_{step}_duration_us', by=['model'])} / {calls}) / 1e6"


def _index() -> list[Panel]:
    return [
        lines(
            "FAISS: search time",
            "Time of one search of the index for a whole batch: the lines drift apart when processors are short.",
            "s",
            {"p50": quantile(0.5, INDEX, GATEWAY), "p99": quantile(0.99, INDEX, GATEWAY), "mean": mean(INDEX, GATEWAY)},
        ),
        lines(
            "FAISS: searches",
            "Searches of the index a second in each gateway, one for each batch that had a history to search with.",
            "ops",
            {"{{instance}}": per_second(f"{INDEX}_count", GATEWAY, by=["instance"])},
        ),
        number(
            "FAISS: items",
            "Items that each gateway's index holds: gateways that differ serve different releases.",
            "none",
            {"{{instance}}": selected("shortlist_gateway_index_items", GATEWAY)},
        ),
    ]


def _redis() -> list[Panel]:
    hits = per_second("redis_keyspace_hits_total")
    return [
        lines(
            "Redis: memory",
            "What Redis holds, under the most that it may hold: where the lines meet, writes fail.",
            "bytes",
            {"used": "sum (redis_memory_used_bytes)", "most": "sum (redis_memory_max_bytes)"},
            width=6,
        ),
        lines(
            "Redis: commands",
            "Commands a second that Redis ran: one read for each batch, and what writers send.",
            "ops",
            {"commands": per_second("redis_commands_processed_total")},
            width=6,
        ),
        lines(
            "Redis: rows found",
            "The share of reads that found a row: the rest are users of whom nothing is stored.",
            "percentunit",
            {"found": f"{hits} / ({hits} + {per_second('redis_keyspace_misses_total')})"},
            width=6,
        ),
        lines(
            "Redis: clients",
            "Open connections, blocked ones apart: each gateway keeps one for each worker and three more.",
            "none",
            {"connected": "sum (redis_connected_clients)", "blocked": "sum (redis_blocked_clients)"},
            width=6,
        ),
        lines(
            "Reading user rows",
            "Time in which a gateway read the rows of a batch, the network included: Redis itself takes a small part.",
            "s",
            {
                "p50": quantile(0.5, STAGE, GATEWAY, 'stage="features"'),
                "p99": quantile(0.99, STAGE, GATEWAY, 'stage="features"'),
            },
            width=12,
        ),
        lines(
            "Redis: evicted and rejected",
            "Keys thrown out for lack of memory, and connections turned away: both are 0 on a healthy store.",
            "ops",
            {
                "evicted": per_second("redis_evicted_keys_total"),
                "rejected": per_second("redis_rejected_connections_total"),
            },
            width=12,
        ),
    ]


def _near_cache() -> list[Panel]:
    reads = per_second(f"{NEAR_CACHE}_reads_total", GATEWAY, by=["outcome"])
    total = per_second(f"{NEAR_CACHE}_reads_total", GATEWAY)
    asked = per_second(f"{NEAR_CACHE}_reads_total", GATEWAY, 'outcome="read"')
    return [
        lines(
            "Near cache: reads without Redis",
            "The share of user rows that no read of Redis was needed for: it falls when users differ more, when rows "
            "change more often, and to nothing while changes are not told.",
            "percentunit",
            {"without Redis": f"1 - {asked} / {total}"},
            width=6,
        ),
        stacked(
            "Near cache: reads by outcome",
            "User rows asked for: held (hit), on their way already (joined), from Redis (read), or, where Redis did "
            "not answer, held and perhaps outdated (stale) or not known (unread).",
            "ops",
            {"{{outcome}}": reads},
            width=6,
        ),
        lines(
            "Near cache: bytes",
            "What held rows take in each gateway: it climbs to the setting and stays there.",
            "bytes",
            {"{{instance}}": selected(f"{NEAR_CACHE}_bytes", GATEWAY)},
            width=6,
        ),
        lines(
            "Near cache: users",
            "Users whose rows, or whose lack of one, each gateway holds: it falls to 0 when Redis is flushed.",
            "none",
            {"{{instance}}": selected(f"{NEAR_CACHE}_rows", GATEWAY)},
            width=6,
        ),
        states(
            "Near cache: told of changes",
            "A strip a gateway, red while Redis does not tell it which rows change: no held row is fresh then.",
            {"{{instance}}": selected(f"{NEAR_CACHE}_tracked", GATEWAY)},
            {0: ("not told", "red"), 1: ("told", "green")},
        ),
        lines(
            "Near cache: lost connections",
            "Connections for invalidations that a gateway lost or could not get: several a second mean that Redis "
            "is down or refuses the gateway's user.",
            "ops",
            {"{{instance}}": per_second(f"{NEAR_CACHE}_tracking_losses_total", GATEWAY, by=["instance"])},
        ),
        lines(
            "Near cache: age of rows",
            "Time since a held row was read, when it was used: old rows are no harm while changes are told.",
            "s",
            {
                "p50": quantile(0.5, f"{NEAR_CACHE}_age_seconds", GATEWAY),
                "p99": quantile(0.99, f"{NEAR_CACHE}_age_seconds", GATEWAY),
            },
        ),
    ]


def _events() -> list[Panel]:
    return [
        lines(
            "Events: lag",
            "How long the oldest recorded event has waited to be applied, as each consumer sees it: at the dashed line "
            "an alert begins.",
            "s",
            {"{{instance}}": f"max by (instance) ({DERIVED}_lag_seconds)"},
            width=6,
            limit=60.0,
        ),
        lines(
            "Events: waiting and dropped",
            "Events that wait to be applied, and all that left the streams before they were: the streams are too short "
            "for the lag there was.",
            "none",
            {"waiting": f"max ({DERIVED}_lag_events)", "dropped": f"max ({DERIVED}_dropped_events)"},
            width=6,
        ),
        lines(
            "Events: applied",
            "Events that consumers applied a second, those taken over from a consumer that died or failed, and entries "
            "that are no events.",
            "ops",
            {
                "applied": per_second(f"{DERIVED}_applied_events_total"),
                "taken over": per_second(f"{DERIVED}_taken_over_events_total"),
                "unreadable": per_second(f"{DERIVED}_unreadable_events_total"),
            },
            width=6,
        ),
        lines(
            "Events: failures",
            "Times that a step failed and was tried again: while Redis is away each tries every five seconds.",
            "ops",
            {"{{step}}": per_second(f"{DERIVED}_failures_total", by=["step"])},
            width=6,
        ),
        lines(
            "Live lists: items",
            "Items in the lists that were published last: none trend where nothing happened for days.",
            "none",
            {"{{list}}": f"max by (list) ({DERIVED}_listed_items)"},
        ),
        lines(
            "Live lists: time to merge",
            "Time to read what changed in all shards, to merge it and to publish the lists: a consumer then rests nine "
            "times as long.",
            "s",
            {"p50": quantile(0.5, f"{DERIVED}_merge_seconds"), "p99": quantile(0.99, f"{DERIVED}_merge_seconds")},
        ),
        lines(
            "Derived: records forgotten",
            "Items, pairs and users that left a shard for want of room: many mean that rare items are not counted.",
            "ops",
            {"forgotten": per_second(f"{DERIVED}_forgotten_records_total")},
        ),
    ]


def _edge() -> list[Panel]:
    return [
        lines(
            "Edge: calls",
            "Calls that Envoy passed on to the gateways.",
            "reqps",
            {"calls": per_second("envoy_cluster_upstream_rq_total", GATEWAYS_OF_THE_EDGE)},
            width=6,
        ),
        lines(
            "Edge: answers by class",
            "HTTP answers to callers by their hundreds; an error over gRPC is a 2xx with its status in the trailers.",
            "reqps",
            {
                "{{envoy_response_code_class}}xx": per_second(
                    "envoy_http_downstream_rq_xx", CALLERS_OF_THE_EDGE, by=["envoy_response_code_class"]
                )
            },
            width=6,
        ),
        lines(
            "Edge: latency",
            "Time from the edge to a gateway and back: its distance to the gateway's own latency is the hop.",
            "ms",
            {
                "p50": quantile(0.5, EDGE_LATENCY, GATEWAYS_OF_THE_EDGE),
                "p99": quantile(0.99, EDGE_LATENCY, GATEWAYS_OF_THE_EDGE),
            },
            width=6,
        ),
        lines(
            "Edge: healthy gateways",
            "Gateways that get calls, under all that the edge knows: a distance between the lines is gateways ejected.",
            "none",
            {
                "healthy": f"sum ({selected('envoy_cluster_membership_healthy', GATEWAYS_OF_THE_EDGE)})",
                "known": f"sum ({selected('envoy_cluster_membership_total', GATEWAYS_OF_THE_EDGE)})",
            },
            width=6,
        ),
    ]


def _processes() -> list[Panel]:
    process = "{{job}} {{instance}}"
    return [
        lines(
            "CPU",
            "Cores that each process keeps busy: a gateway that stays near its limit queues.",
            "none",
            {process: f"rate(process_cpu_seconds_total[{WINDOW}])"},
            width=6,
        ),
        lines(
            "Memory",
            "Resident memory of each process: a line that only climbs is a leak.",
            "bytes",
            {process: "process_resident_memory_bytes"},
            width=6,
        ),
        lines(
            "Open files",
            "Open files and sockets as a share of what the process may open: at 1 it takes no more connections.",
            "percentunit",
            {process: "process_open_fds / process_max_fds"},
            width=6,
        ),
        lines(
            "Garbage collections",
            "Runs of Python's collector in the gateways by generation: those of generation 2 stop calls the longest.",
            "ops",
            {"generation {{generation}}": per_second("python_gc_collections_total", GATEWAY, by=["generation"])},
            width=6,
        ),
    ]
