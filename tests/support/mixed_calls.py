"""Calls of every kind, good and bad, from several threads until the end of a `with`."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2, events_pb2, recommender_pb2
from support.gateways import TIMEOUT_S, Reached

THREADS = 4
LARGEST_BATCH = 256
_TOO_SHORT_S = 0.0005


class MixedCalls:
    """Makes one call after another, drawn by chance; like people, few users come often.

    Args:
        reached: Whom to call.
        inside: Whom to tell of changes of the catalogue: the edge does not pass them.
        release: Where ids come from.
        seed: Of the chance.
    """

    def __init__(self, reached: Reached, inside: Reached, release: Release, seed: int) -> None:
        self._inside = inside
        self._reached, self._chance = reached, random.Random(seed)  # noqa: S311  # a mix of calls is no secret
        self._users: list[str] = list(release.histories().users)
        self._items = [release.vocabulary.id_of(row) for row in range(FIRST_ITEM_ROW, release.vocabulary.row_count)]
        shares = 1.0 / np.arange(1, len(self._users) + 1)
        self._often = np.cumsum(shares).tolist()
        kinds: dict[Callable[[], object], int] = {
            self._known: 60,
            self._in_session: 10,
            self._filtered: 8,
            self._unknown_user: 5,
            self._similar: 6,
            self._rank: 5,
            self._batch: 2,
            self._items_of: 2,
            self._record: 8,
            self._change: 2,
            self._invalid: 1,
            self._in_a_hurry: 1,
        }
        self._kinds, self._weights = list(kinds), list(kinds.values())

    def one(self) -> None:
        """Make a call; an error is an answer too."""
        (kind,) = self._chance.choices(self._kinds, self._weights)
        with suppress(grpc.RpcError):
            kind()

    def _user(self) -> str:
        (user,) = self._chance.choices(self._users, cum_weights=self._often)
        return user

    def _some(self, count: int) -> list[str]:
        return self._chance.sample(self._items, count)

    def _request(self, **fields: Any) -> recommender_pb2.RecommendRequest:
        return recommender_pb2.RecommendRequest(user_id=self._user(), **fields)

    def _known(self) -> None:
        self._reached.call(self._request(), timeout=TIMEOUT_S)

    def _in_session(self) -> None:
        self._reached.call(self._request(session_item_ids=[*self._some(3), "no such item"]), timeout=TIMEOUT_S)

    def _filtered(self) -> None:
        kept = recommender_pb2.Filter(
            price=recommender_pb2.PriceRange(min=1.0, max=20.0), exclude_item_ids=[*self._some(2), "no such item"]
        )
        self._reached.call(self._request(filter=kept), timeout=TIMEOUT_S)

    def _unknown_user(self) -> None:
        self._reached.recommend(f"stranger-{self._chance.randrange(1000)}")

    def _similar(self) -> None:
        (item,) = self._some(1)
        self._reached.call_similar(recommender_pb2.SimilarItemsRequest(item_id=item), timeout=TIMEOUT_S)

    def _rank(self) -> None:
        self._reached.call_rank(
            recommender_pb2.RankRequest(user_id=self._user(), item_ids=[*self._some(20), "no such item"]),
            timeout=TIMEOUT_S,
        )

    def _batch(self) -> None:
        self._reached.call_batch(
            recommender_pb2.RecommendBatchRequest(requests=[self._request() for _ in range(8)]), timeout=TIMEOUT_S
        )

    def _items_of(self) -> None:
        self._reached.call_items(catalog_pb2.GetItemsRequest(item_ids=self._some(10)), timeout=TIMEOUT_S)

    def _record(self) -> None:
        """Record a click, the same again, and one without an item."""
        click = events_pb2.Event(
            event_id=f"{self._chance.getrandbits(64):x}",
            user_id=self._user(),
            item_id=self._some(1)[0],
            type=events_pb2.EVENT_TYPE_CLICK,
        )
        wrong = events_pb2.Event(event_id="wrong", user_id=click.user_id, type=events_pb2.EVENT_TYPE_CLICK)
        self._reached.record(click, click, wrong)

    def _change(self) -> None:
        """Add an item and take it off again."""
        name = f"passing-{self._chance.randrange(100)}"
        item = catalog_pb2.Item(item_id=name, title="Passing", categories=["Passing"])
        self._inside.call_upsert(catalog_pb2.UpsertItemsRequest(items=[item]), timeout=TIMEOUT_S)
        self._inside.call_delete(catalog_pb2.DeleteItemsRequest(item_ids=[name]), timeout=TIMEOUT_S)

    def _invalid(self) -> None:
        self._reached.call(recommender_pb2.RecommendRequest(), timeout=TIMEOUT_S)

    def _in_a_hurry(self) -> None:
        self._reached.call(self._request(), timeout=_TOO_SHORT_S)


@contextmanager
def calling(reached: Reached, inside: Reached, release: Release, pause_s: float) -> Iterator[None]:
    """Call from several threads, each with a pause after a call, until the end of the `with`."""
    stopped = threading.Event()
    failures: list[Exception] = []

    def call(seed: int) -> None:
        calls = MixedCalls(reached, inside, release, seed)
        try:
            while not stopped.wait(pause_s):
                calls.one()
        except Exception as error:  # raised below, on the thread that asked for the calls
            failures.append(error)

    threads = [threading.Thread(target=call, args=(seed,), name=f"caller-{seed}") for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    for failure in failures:
        raise failure


def burst(reached: Reached, users: Sequence[str], calls: int = 8) -> None:
    """Ask for more at once than may wait; some of it is refused."""
    requests = [recommender_pb2.RecommendRequest(user_id=users[place % len(users)]) for place in range(LARGEST_BATCH)]
    batch = recommender_pb2.RecommendBatchRequest(requests=requests)
    futures = [reached.call_batch.future(batch, timeout=TIMEOUT_S) for _ in range(calls)]
    for future in futures:
        future.exception()
