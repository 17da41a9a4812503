"""The measurements beside the main rounds, by the name under which the result has them."""

from collections.abc import Mapping
from types import MappingProxyType

from loadtest.scenarios import (
    batching_cost,
    events,
    filters,
    fronts,
    index_tuning,
    memory,
    million_items,
    near_cache,
    overload,
    processes,
    sources,
    stages,
    stages_triton,
    triton_settings,
    upserts,
)
from loadtest.scenarios.command import Scenario

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "stages": stages.measure,
        "stages_triton": stages_triton.measure,
        "overload": overload.measure,
        "fronts": fronts.measure,
        "processes": processes.measure,
        "memory": memory.measure,
        "near_cache": near_cache.measure,
        "events": events.measure,
        "upserts": upserts.measure,
        "sources": sources.measure,
        "million_items": million_items.measure,
        "triton_settings": triton_settings.measure,
        "batching_cost": batching_cost.measure,
        "filters": filters.measure,
        "index_tuning": index_tuning.measure,
    }
)
