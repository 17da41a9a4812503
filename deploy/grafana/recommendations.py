"""What is recommended: scores, coverage, sources, users of whom nothing is known, age of what is known."""

from deploy.grafana.panels import Panel, assemble, heat_map, lines, stacked, states
from deploy.grafana.promql import GATEWAY, mean, per_second, quantile, selected
from grafana_foundation_sdk.models.dashboard import Dashboard

SCORES = "shortlist_gateway_score_log_odds"
FEATURE_AGE = "shortlist_gateway_feature_age_seconds"
CANDIDATES = "shortlist_gateway_candidates_items"
SLATES = "shortlist_gateway_slates_total"
CATALOGUE = "shortlist_gateway_catalogue"
EVENT_TRIP = "shortlist_gateway_event_batch_seconds"
EVENTS_A_TRIP = "shortlist_gateway_event_batch_size_events"


def board() -> Dashboard:
    """Build the dashboard."""
    return assemble(
        "shortlist-recommendations",
        "Shortlist: recommendations",
        "What users get to see: a change here without one in the release is a change in the users or their rows.",
        {
            "Scores and sources": _scores(),
            "Candidates": _candidates(),
            "Users": _users(),
            "Events": _events(),
            "Catalogue": _catalogue(),
            "Rules": _rules(),
        },
    )


def _scores() -> list[Panel]:
    return [
        heat_map(
            "Score distribution",
            "A column is a moment and a cell a range of log-odds, brighter the more recommended items scored in it: "
            "a band that jumps is another ranker or another kind of input.",
            "none",
            per_second(f"{SCORES}_bucket", GATEWAY, by=["le"]),
        ),
        lines(
            "Score percentiles",
            "Log-odds under which a tenth, half and nine tenths of the recommended items lay; 0 is as likely as not.",
            "none",
            {name: quantile(share, SCORES, GATEWAY) for name, share in {"p10": 0.1, "p50": 0.5, "p90": 0.9}.items()},
        ),
        lines(
            "Items by source",
            "Recommended items by the sources that proposed them; an item that two proposed counts for both.",
            "ops",
            {"{{source}}": per_second("shortlist_gateway_recommended_items_total", GATEWAY, by=["source"])},
        ),
    ]


def _candidates() -> list[Panel]:
    distinct = selected("shortlist_gateway_distinct_items", GATEWAY)
    return [
        lines(
            "Coverage",
            "The share of the catalogue that each gateway recommended to somebody in the last 10 to 20 minutes: "
            "a fall means that everybody gets the same.",
            "percentunit",
            {"{{instance}}": f"{distinct} / {selected('shortlist_gateway_catalogue_items', GATEWAY)}"},
        ),
        lines(
            "Candidates a request",
            "Candidates that the ranker had to choose from, after filters: few mean narrow filters or a lost source.",
            "none",
            {"p10": quantile(0.1, CANDIDATES, GATEWAY), "mean": mean(CANDIDATES, GATEWAY)},
        ),
        lines(
            "Ignored items",
            "Item ids in requests that the release does not know, by where they stood: a rise means that callers know "
            "newer items than the release.",
            "ops",
            {"{{where}}": per_second("shortlist_gateway_ignored_items_total", GATEWAY, by=["where"])},
        ),
    ]


def _users() -> list[Panel]:
    cold = per_second("shortlist_gateway_cold_starts_total", GATEWAY)
    return [
        stacked(
            "Answers",
            "Answers with items a second, whole ones and those on a step of the ladder.",
            "reqps",
            {"degraded: {{degraded}}": per_second(SLATES, GATEWAY, by=["degraded"])},
            width=6,
        ),
        lines(
            "Cold starts",
            "The share of answers for users of whom nothing was known: they got what is popular.",
            "percentunit",
            {"cold": f"{cold} / {per_second(SLATES, GATEWAY)}"},
            width=6,
        ),
        lines(
            "Feature age",
            "Age of the newest event in the rows that were read, at half, nine tenths and 99 of 100 users: all lines "
            "rising together mean that events no longer arrive.",
            "s",
            {
                name: quantile(share, FEATURE_AGE, GATEWAY)
                for name, share in {"p50": 0.5, "p90": 0.9, "p99": 0.99}.items()
            },
            width=6,
        ),
        lines(
            "Bad rows",
            "User rows that could not be decoded and count as missing: above 0 somebody else writes these keys.",
            "ops",
            {"bad": per_second("shortlist_features_bad_rows_total", GATEWAY)},
            width=6,
        ),
    ]


def _events() -> list[Panel]:
    return [
        lines(
            "Events by outcome",
            "Events sent a second: rejected ones are wrong, failed ones were not acknowledged and come again as "
            "duplicates where they had been recorded after all.",
            "ops",
            {"{{outcome}}": per_second("shortlist_gateway_events_total", GATEWAY, by=["outcome"])},
        ),
        lines(
            "Time to record",
            "Time of one round trip to Redis with the events of one or several calls, at half and 99 of 100 trips.",
            "s",
            {"p50": quantile(0.5, EVENT_TRIP, GATEWAY), "p99": quantile(0.99, EVENT_TRIP, GATEWAY)},
        ),
        lines(
            "Events a round trip",
            "Events that go to Redis together, on average, and calls that wait for a trip: both rise where events come "
            "faster than Redis takes them.",
            "none",
            {
                "events": mean(EVENTS_A_TRIP, GATEWAY),
                "calls waiting": f"sum ({selected('shortlist_gateway_waiting_event_calls', GATEWAY)})",
            },
        ),
    ]


def _catalogue() -> list[Panel]:
    troubles = {"lost": "losses", "without room": "unplaced", "unreadable": "bad_records"}
    return [
        lines(
            "Catalogue calls",
            "Items upserted, deleted and read a second; failed ones were not acknowledged.",
            "ops",
            {"{{kind}} {{outcome}}": per_second(f"{CATALOGUE}_changes_total", GATEWAY, by=["kind", "outcome"])},
        ),
        lines(
            "Deletions and changes",
            "Time from a deletion until no server shows the item, and time to apply what changed to one process, at 99 "
            "of 100: deletions that take seconds wait for a server that hangs.",
            "s",
            {
                "deletion, p99": quantile(0.99, f"{CATALOGUE}_delete_seconds", GATEWAY),
                "applying, p99": quantile(0.99, f"{CATALOGUE}_apply_seconds", GATEWAY),
            },
        ),
        lines(
            "Changes applied",
            "Number of the last change in each gateway: a line that stays behind the others does not follow.",
            "none",
            {"{{instance}}": selected(f"{CATALOGUE}_sequence", GATEWAY)},
        ),
        states(
            "Standing",
            "A strip a gateway, red while it cannot renew its lease and its answers say stale_catalogue.",
            {"{{instance}}": selected(f"{CATALOGUE}_in_standing", GATEWAY)},
            {1: ("in good standing", "green"), 0: ("stale", "red")},
        ),
        lines(
            "New and gone items",
            "Items that came after the release, and those that were taken off or cannot be had, in each gateway.",
            "none",
            {
                "new, {{instance}}": selected(f"{CATALOGUE}_new_items", GATEWAY),
                "gone, {{instance}}": selected(f"{CATALOGUE}_gone_items", GATEWAY),
            },
        ),
        lines(
            "Troubles of the catalogue",
            "Catalogues that Redis lost, new items without room, records that could not be read, by gateway since its "
            "start: anything above 0 is worth a look at the log.",
            "none",
            {
                f"{words}, {{{{instance}}}}": selected(f"{CATALOGUE}_{name}_total", GATEWAY)
                for words, name in troubles.items()
            },
        ),
    ]


def _rules() -> list[Panel]:
    return [
        lines(
            "Rules that hold",
            "Rules of each gateway's file: gateways that differ for more than seconds do not read the same file.",
            "none",
            {"{{instance}}": selected("shortlist_gateway_rules", GATEWAY)},
        ),
        lines(
            "Changes of the rules",
            "Files that were read after a change: refused means that the old rules stay, and the log says why.",
            "ops",
            {"{{outcome}}": per_second("shortlist_gateway_rules_reloads_total", GATEWAY, by=["outcome"])},
        ),
        states(
            "Rules file",
            "A strip a gateway, red while the file as it is now was refused and older rules hold.",
            {"{{instance}}": selected("shortlist_gateway_rules_refused", GATEWAY)},
            {0: ("in force", "green"), 1: ("refused", "red")},
        ),
    ]
