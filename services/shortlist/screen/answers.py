"""Answers of a gateway as tables, with the titles that the catalogue has for them."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from shortlist.client import Client
from shortlist.v1 import catalog_pb2, recommender_pb2

Answer = recommender_pb2.RecommendResponse | recommender_pb2.RankResponse
_BOUGHT_SHOWN = 5


class Titles:
    """Titles and categories of items, read in one call."""

    def __init__(self, client: Client, item_ids: Iterable[str]) -> None:
        wanted = list(dict.fromkeys(item_ids))
        self._items: dict[str, catalog_pb2.Item] = {}
        if wanted:
            self._items = {item.item_id: item for item in client.get_items(wanted).items}

    def title(self, item_id: str) -> str:
        """Tell the title, or the id where the catalogue has none."""
        item = self._items.get(item_id)
        return item.title if item and item.title else item_id

    def category(self, item_id: str) -> str:
        """Tell the most general category; empty where there is none."""
        item = self._items.get(item_id)
        return item.categories[0] if item and item.categories else ""


def console_of_answers() -> Console:
    """Make a console for answers: as wide as the terminal, and 100 columns where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=100)


def show_answer(console: Console, client: Client, user_id: str, answer: Answer, *, why_first: bool = False) -> None:
    """Print what a user touched last (where the answer tells), the slate, and how it came to be.

    With `why_first` the best item is explained: what the ranker saw of it, and what it is like.
    """
    history = list(answer.user.recent_item_ids)
    first = answer.items[0] if why_first and answer.items else None
    near = [neighbour.item_id for neighbour in first.explanation.neighbours] if first else []
    titles = Titles(client, [*(item.item_id for item in answer.items), *history, *near])
    parts: list[RenderableType] = [Text(f"user {user_id}", style="bold")]
    if history:
        bought = ", ".join(titles.title(item_id) for item_id in history[:_BOUGHT_SHOWN])
        parts.append(Text(f"last touched: {bought}", style="dim"))
    parts += [slate_table(answer.items, titles), Text(_summary(answer), style="dim")]
    if first:
        parts.append(_why(first, titles))
    console.print(Group(*parts))


def slate_table(items: Sequence[recommender_pb2.RecommendedItem], titles: Titles) -> Table:
    """Lay out a slate; with explanations it tells each source's rank."""
    is_explained = any(item.HasField("explanation") for item in items)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("#", justify="right", no_wrap=True)
    for name, width in (("item", 32), ("category", 12)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=width)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("found by", no_wrap=True)
    for item in items:
        found = _ranked_sources(item) if is_explained else ", ".join(item.sources)
        cells = [str(item.rank), titles.title(item.item_id), titles.category(item.item_id), f"{item.score:.2f}", found]
        table.add_row(*cells)
    return table


def _ranked_sources(item: recommender_pb2.RecommendedItem) -> str:
    return " ".join(f"{source.source}\u00a0{source.rank}" for source in item.explanation.sources)


def _why(item: recommender_pb2.RecommendedItem, titles: Titles) -> RenderableType:
    like = "; ".join(
        f"{titles.title(neighbour.item_id)} ({neighbour.similarity:.2f})" for neighbour in item.explanation.neighbours
    )
    parts: list[RenderableType] = [Text(f"\nwhy {titles.title(item.item_id)}?", style="bold")]
    if item.explanation.rules:
        parts.append(Text(f"moved by rules: {', '.join(item.explanation.rules)}"))
    if like:
        parts.append(Text(f"in the history, like: {like}"))
    if item.explanation.features:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("what the ranker saw")
        table.add_column("value", justify="right")
        for feature in item.explanation.features:
            table.add_row(feature.name, f"{feature.value:.3f}")
        parts.append(table)
    return Group(*parts)


def _summary(answer: Answer) -> str:
    stages = " · ".join(f"{stage.stage} {stage.microseconds / 1000:.2f}" for stage in answer.stages)
    total = sum(stage.microseconds for stage in answer.stages) / 1000
    ranked = f"ranked by {answer.ranker}" if answer.ranker else "not ranked"
    notes = [ranked, f"release {answer.release}"]
    if answer.cold_start:
        notes.append("cold start: the release's popular items")
    if answer.degraded:
        names = (recommender_pb2.Degraded.Name(step).removeprefix("DEGRADED_").lower() for step in answer.degraded)
        notes.append(f"degraded: {', '.join(names)}")
    return f"{' · '.join(notes)}\n{total:.2f} ms = {stages}"
