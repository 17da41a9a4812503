"""The table of the sweep: each peer's best way to run and its worst, in words."""

from collections.abc import Iterator, Sequence

from loadtest.bench.readings import MS
from loadtest.bench.tables import markdown
from loadtest.peers.run import PeerChoice
from loadtest.peers.sweep import Point, best_of
from loadtest.saturation import P99_LIMIT_MS


def swept(points: Sequence[Point]) -> Iterator[str]:
    """Tell each peer's best way to run and its worst, of those that were tried."""
    best = best_of(points)

    def row(peer: str) -> Sequence[str]:
        tried = [point for point in points if point["peer"] == peer]
        worst = min(tried, key=lambda point: float(point["answers_per_s"]))
        return peer, str(len(tried)), *_way(best.get(peer)), *_way(worst)

    headings = ("peer", "ways tried", "best way", "answers a second", "worst way", "answers a second")
    return markdown(headings, map(row, dict.fromkeys(point["peer"] for point in points)))


def _way(point: Point | None) -> tuple[str, str]:
    if point is None:
        return f"none kept p99 under {MS.bound(P99_LIMIT_MS)}", ""
    answers = f"{point['answers_per_s']:,.0f}" if point["answers_per_s"] else f"p99 over {MS.bound(P99_LIMIT_MS)}"
    return in_words(PeerChoice(**point["choice"])), answers


def in_words(choice: PeerChoice) -> str:
    """Say how a peer runs."""
    batch, wait = "no batches", ""
    if choice.batch > 1:
        batch = f"batches up to {choice.batch}"
        wait = "its own wait" if choice.wait_ms is None else f"wait {choice.wait_ms:g} ms"
    workers = f"{choice.workers} worker{'s' if choice.workers > 1 else ''}"
    where = "on a pool of threads" if choice.has_pool else "inline"
    return ", ".join(filter(None, (workers, batch, wait, where)))
