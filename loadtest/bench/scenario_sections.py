"""The sections of the measurements beside the main rounds: how each was measured, and its tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from loadtest.bench import scenario_tables as tables
from loadtest.bench.readings import MS, Figures
from loadtest.scenarios import events, fronts, overload, sources, testbed, triton_settings, upserts


@dataclass(frozen=True, slots=True)
class _Section:
    """A scenario's part of the page: how it was measured in words, and its tables."""

    title: str
    how: str
    tables: Callable[[Figures], Iterator[str]]


_SECTIONS: Mapping[str, _Section] = MappingProxyType(
    {
        "stages": _Section("Where a request's time goes, ranked in the process", "", tables.stages),
        "stages_triton": _Section("Where a request's time goes, ranked on Triton", "", tables.stages),
        "overload": _Section(
            "Past saturation",
            f"An open loop of reads with a deadline of {MS.bound(overload.DEADLINE_S * 1e3)} each, at multiples of the "
            f"capacity. Goodput is whole answers within that deadline, from when each call was due.",
            tables.overload,
        ),
        "fronts": _Section(
            "Front doors",
            f"A closed loop of {fronts.IN_FLIGHT} connections, ranked in the process, near cache off.",
            tables.fronts,
        ),
        "processes": _Section(
            "Processes",
            f"A closed loop of {testbed.CONNECTIONS} connections, near cache off. Generator and Valkey are pinned "
            f"nowhere, and take their part of the same cores.",
            tables.processes,
        ),
        "million_items": _Section(
            "A million items",
            "An open loop, near cache off; index parameters for the same recall.",
            tables.million_items,
        ),
        "near_cache": _Section("Near cache", "Users by Zipf(1.0).", tables.near_cache),
        "events": _Section(
            "Events",
            f"Calls of {events.EVENTS_A_CALL} events from {events.CALLERS} callers, one after another; near cache on.",
            tables.events,
        ),
        "upserts": _Section(
            "Upserts beside answers",
            f"An open loop at half of the highest rate, in turns with {upserts.PER_S:,} upserts a second and without, "
            f"in calls of {upserts.ITEMS_A_CALL}; near cache on.",
            tables.upserts,
        ),
        "sources": _Section(
            "Sources",
            f"The query tower alone, and in turns with it all sources: the release's, live lists from Valkey and "
            f"{sources.NEW_ITEMS:,} new arrivals. In one process, without network and reads of rows; medians.",
            tables.sources,
        ),
        "memory": _Section(
            "Memory",
            "One gateway that ranks in its process, with the near cache that it has by default.",
            tables.memory,
        ),
        "triton_settings": _Section(
            "Triton's settings",
            f"A closed loop of {triton_settings.IN_FLIGHT} connections, near cache off; medians.",
            tables.triton_settings,
        ),
        "batching_cost": _Section(
            "What a batch of one pays for batching",
            "The same call directly and by way of the micro-batcher, alternated in one process; medians.",
            tables.batching_cost,
        ),
        "filters": _Section(
            "Filters",
            "The worse of two filters, one drawn at random and one that follows the vectors. Recall is against exact "
            "search over what is kept.",
            tables.filters,
        ),
    }
)


def sections(scenarios: Mapping[str, Figures]) -> Iterator[tuple[str, list[str]]]:
    """Write the section of each scenario that was measured, with the scenario's name."""
    for name, section in _SECTIONS.items():
        if figures := scenarios.get(name):
            yield name, [f"## {section.title}", "", section.how, *section.tables(figures)]


def missing(scenarios: Mapping[str, Figures]) -> list[str]:
    """List the titles of those that were not measured."""
    return [section.title for name, section in _SECTIONS.items() if not scenarios.get(name)]
