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


def show_answer(console: Console, client: Client, user_id: str, answer: Answer) -> None:
    """Print what a user bought last (where the answer tells), the slate, and how it came to be."""
    explained = [item.explanation for item in answer.items]
    history = [*answer.user.recent_item_ids]
    near = [neighbour.item_id for explanation in explained for neighbour in explanation.neighbours]
    titles = Titles(client, [*(item.item_id for item in answer.items), *history, *near])
    parts: list[RenderableType] = [Text(f"user {user_id}", style="bold")]
    if history:
        bought = ", ".join(titles.title(item_id) for item_id in history[:_BOUGHT_SHOWN])
        parts.append(Text(f"last touched: {bought}", style="dim"))
    parts += [slate_table(answer.items, titles), Text(_summary(answer), style="dim")]
    console.print(Group(*parts))


def slate_table(items: Sequence[recommender_pb2.RecommendedItem], titles: Titles) -> Table:
    """Lay out a slate; explanations get columns of their own where there are any."""
    is_explained = any(item.HasField("explanation") for item in items)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("#", justify="right")
    table.add_column("item", no_wrap=True, overflow="ellipsis", ratio=4)
    table.add_column("category", no_wrap=True, overflow="ellipsis", ratio=2)
    table.add_column("score", justify="right")
    table.add_column("found by" if not is_explained else "found by (rank)", no_wrap=not is_explained)
    if is_explained:
        table.add_column("near to", overflow="ellipsis", no_wrap=True, ratio=3)
    for item in items:
        cells = [str(item.rank), titles.title(item.item_id), titles.category(item.item_id), f"{item.score:.3f}"]
        if is_explained:
            cells.append(", ".join(f"{source.source} {source.rank}" for source in item.explanation.sources))
            cells.append(
                "; ".join(
                    f"{titles.title(neighbour.item_id)} ({neighbour.similarity:.2f})"
                    for neighbour in item.explanation.neighbours[:1]
                )
            )
        else:
            cells.append(", ".join(item.sources))
        table.add_row(*cells)
    return table


def features_table(item: recommender_pb2.RecommendedItem) -> Table:
    """Lay out what the ranker saw of an item."""
    table = Table(box=None, pad_edge=False, header_style="dim", title=f"what the ranker saw of {item.item_id}")
    table.add_column("feature")
    table.add_column("value", justify="right")
    for feature in item.explanation.features:
        table.add_row(feature.name, f"{feature.value:.3f}")
    return table


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
