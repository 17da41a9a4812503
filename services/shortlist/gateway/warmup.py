"""Warm-up: requests as they were recorded, in every batch size, before the port is bound."""

from collections.abc import Iterator

from shortlist.core.types import Query
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.trace import BatchTrace
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import Deadline

USERS = 32
ROUNDS = 3
_SESSION = 50
_TIMEOUT_S = 10.0


def recorded_queries(release: Release) -> list[Query]:
    """Make requests from the histories of the release's first users; their items come as a session."""
    histories, id_of = release.histories(), release.vocabulary.id_of
    queries = []
    for user, user_id in enumerate(histories.users[:USERS]):
        newest = histories.rows[histories.span(user)][:_SESSION]
        queries.append(Query(user_id, 20, session_item_ids=tuple(id_of(row) for row in newest[::-1])))
    return queries


def warm_up(pipeline: Pipeline, queries: list[Query], max_batch: int) -> int:
    """Run the requests; return how many batches ran. What is down stays degraded, here as later."""
    if not queries:
        return 0
    batches = 0
    for size in _sizes(max_batch):
        batch = (queries * (size // len(queries) + 1))[:size]
        for _ in range(ROUNDS):
            pipeline.run(batch, Deadline.after(_TIMEOUT_S), BatchTrace())
            batches += 1
    return batches


def _sizes(max_batch: int) -> Iterator[int]:
    size = 1
    while size < max_batch:
        yield size
        size *= 2
    yield max_batch
