"""The evaluation protocol: who is tested, on what, and how a recommender is asked.

Time is cut once for all users. A user counts who bought before the cut and, after it, something new to him that is in
the training catalogue. What a user bought before is neither candidate nor relevant; every other training item is a
candidate. Users who appear only after the cut are counted and left out: no model here can tell them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from shortlist.core.arrays import F64, I32, I64
from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.log import BehaviourLog
from shortlist.offline.metrics import hit_rate_at, mrr_at, ndcg_at, recall_at

POSITIVE_TYPES = (EventType.CLICK, EventType.CART, EventType.PURCHASE)
_BLOCK = 512  # users asked at once: score matrices stay at some ten megabytes


class Recommender(Protocol):
    """A model under evaluation."""

    def recommend(self, users: I32, histories: ItemSets, k: int) -> I32:
        """List k new items for each user.

        Args:
            users: (U,) int32, codes of the users in the training interactions.
            histories: U sets, the items that each user has bought; none of them may be listed.
            k: Items wanted.

        Returns:
            (U, k) int32, item codes best first, -1 where there are fewer.
        """


@dataclass(frozen=True, slots=True)
class Interactions:
    """The positive events of a log with users and items as codes, ascending in time.

    Args:
        user_ids: User code to id.
        item_ids: Item code to id.
        users: (E,) int32.
        items: (E,) int32.
        times: (E,) int64, seconds since 1970.
    """

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    users: I32
    items: I32
    times: I64

    @classmethod
    def of(
        cls, log: BehaviourLog, user_ids: Sequence[str] | None = None, item_ids: Sequence[str] | None = None
    ) -> "Interactions":
        """Encode a log; ids that are not given are the log's own in ascending order, events of others are left out."""
        events = log.events.filter(pl.col("type").is_in(POSITIVE_TYPES))
        users = events["user"].unique().sort().to_list() if user_ids is None else user_ids
        items = events["item"].unique().sort().to_list() if item_ids is None else item_ids
        coded = (
            events.join(_codes("user", users), on="user", maintain_order="left")
            .join(_codes("item", items), on="item", maintain_order="left")
            .select("user_code", "item_code", "time")
        )
        return cls(users, items, *(column.to_numpy() for column in coded))


@dataclass(frozen=True, slots=True)
class TestSet:
    """U users to test a recommender with.

    Args:
        train: What a recommender may learn from.
        users: (U,) int32, the tested users' codes in `train`.
        histories: U sets, the items that they bought in `train`.
        relevant: U sets, the new items that they bought later; none is empty.
        unknown_users: How many users appear later and not in `train`.
    """

    __test__ = False  # its name is not a test's

    train: Interactions
    users: I32
    histories: ItemSets
    relevant: ItemSets
    unknown_users: int

    @classmethod
    def build(cls, train: BehaviourLog, later: BehaviourLog, item_ids: Sequence[str] | None = None) -> "TestSet":
        """Set up the test of what was learnt from `train` on what happened `later`.

        Args:
            train: The training part, cleaned.
            later: The part after the cut, as it is.
            item_ids: Order of the item codes; ascending ids when it is not given.

        Raises:
            InputError: no user of `train` bought anything new later.
        """
        known = Interactions.of(train, item_ids=item_ids)
        new = Interactions.of(later, known.user_ids, known.item_ids)
        count, width = len(known.user_ids), np.int64(len(known.item_ids))
        bought = known.users * width + known.items
        bought_later = np.unique(new.users * width + new.items)
        relevant = bought_later[~np.isin(bought_later, bought)]
        owners = relevant // width
        users = np.unique(owners)
        if not len(users):
            raise InputError(f"{train.dataset}: no user who is known before the cut does something new after it")
        is_tested = np.isin(known.users, users)
        place = np.zeros(count, np.int32)
        place[users] = np.arange(len(users))
        return cls(
            train=known,
            users=users.astype(np.int32),
            histories=ItemSets.from_pairs(place[known.users[is_tested]], known.items[is_tested], len(users)),
            relevant=ItemSets.from_pairs(place[owners], (relevant % width).astype(np.int32), len(users)),
            unknown_users=later.events["user"].n_unique() - _known_among(later, known.user_ids),
        )


def evaluate(recommender: Recommender, test: TestSet, k: int = 10) -> dict[str, F64]:
    """Ask for k items for each tested user; metric name to its value for each user, (U,)."""
    blocks = [
        recommender.recommend(test.users[start : start + _BLOCK], histories, k)
        for start in range(0, len(test.users), _BLOCK)
        for histories in [test.histories.block(start, min(start + _BLOCK, len(test.users)))]
    ]
    hits, relevant = test.relevant.contain(np.concatenate(blocks)), test.relevant.sizes
    return {
        f"ndcg@{k}": ndcg_at(k, hits, relevant),
        f"recall@{k}": recall_at(k, hits, relevant),
        f"hit_rate@{k}": hit_rate_at(k, hits),
        f"mrr@{k}": mrr_at(k, hits),
    }


def _known_among(log: BehaviourLog, user_ids: Sequence[str]) -> int:
    return int(log.events["user"].unique().is_in(user_ids).sum())


def _codes(column: str, ids: Sequence[str]) -> pl.DataFrame:
    codes = pl.Series(np.arange(len(ids), dtype=np.int32))
    return pl.DataFrame({column: pl.Series(ids, dtype=pl.String), f"{column}_code": codes})
