"""The demo's second half: what happens is in the very next answer, and what that changed is said in a sentence."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from shortlist.client import Client
from shortlist.core.errors import StartError
from shortlist.screen.answers import Titles, show_answer
from shortlist.v1 import recommender_pb2

_NEW_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Change:
    """How a slate differs from the one before.

    Args:
        new: Items that it did not have, best first.
        gone: Items that it no longer has, best first.
        moved: Items of both whose place is another.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]
    moved: int

    @classmethod
    def between(cls, before: Sequence[str], after: Sequence[str]) -> "Change":
        """Compare item ids in order."""
        return cls(
            tuple(item for item in after if item not in before),
            tuple(item for item in before if item not in after),
            sum(item in before and before.index(item) != place for place, item in enumerate(after)),
        )


def show_purchase(
    console: Console,
    client: Client,
    users: Sequence[str],
    answers: Sequence[recommender_pb2.RecommendResponse],
) -> recommender_pb2.RecommendResponse:
    """Let the first user buy what another one was shown, show the first one's slate again, and return it.

    Raises:
        StartError: the next answer does not know of it.
    """
    buyer, before = users[0], answers[0]
    bought = _what_others_see(answers)
    (item,) = client.get_items([bought]).items
    began = time.monotonic()
    recorded = client.record(buyer, bought, "purchase", value=item.price)
    took_ms = (time.monotonic() - began) * 1000
    after = client.recommend(buyer, limit=len(before.items), explain=True, min_row_version=recorded.row_version)
    change = Change.between(_ids(before), _ids(after))
    if bought not in after.user.recent_item_ids[:1] or change == Change((), (), 0):
        raise StartError(f"the demo's purchase of {bought} by user {buyer} changed nothing")
    title = Titles(client, [bought]).title(bought)
    console.print(
        f"user {buyer} buys {title}, which others were shown: recorded in {took_ms:.1f} ms. The next answer:\n"
    )
    show_answer(console, client, buyer, after)
    console.print(f"what it changed: {_sentence(change, Titles(client, change.new))}\n")
    return after


def show_deletion(console: Console, client: Client, user: str, before: recommender_pb2.RecommendResponse) -> None:
    """Take a slate's first item off the catalogue, and show that the next answer lacks it.

    Raises:
        StartError: it is shown all the same.
    """
    first = before.items[0].item_id
    title = Titles(client, [first]).title(first)
    began = time.monotonic()
    client.delete_items([first])
    took_ms = (time.monotonic() - began) * 1000
    after = client.recommend(user, limit=len(before.items), explain=True)
    if first in _ids(after):
        raise StartError(f"the demo's deletion of {first} is not in the next answer")
    change = Change.between(_ids(before), _ids(after))
    console.print(
        f"{title} is taken off the catalogue: acknowledged by every gateway in {took_ms:.1f} ms. The next answer:\n"
    )
    show_answer(console, client, user, after)
    console.print(f"what it changed: {_sentence(change, Titles(client, change.new))}\n")


def _what_others_see(answers: Sequence[recommender_pb2.RecommendResponse]) -> str:
    """Choose the best item of others that is new to the first user; where there is none, the first user's best."""
    own = {*_ids(answers[0]), *answers[0].user.recent_item_ids}
    others = (item_id for answer in answers[1:] for item_id in _ids(answer) if item_id not in own)
    return next(others, answers[0].items[0].item_id)


def _ids(answer: recommender_pb2.RecommendResponse) -> list[str]:
    return [item.item_id for item in answer.items]


def _sentence(change: Change, titles: Titles) -> str:
    named = "; ".join(titles.title(item_id) for item_id in change.new[:_NEW_SHOWN])
    more = "; ..." if len(change.new) > _NEW_SHOWN else ""
    new = f"{len(change.new)} new ({named}{more})" if change.new else "none new"
    return f"{new}, {len(change.gone)} gone, {change.moved} at another place"
