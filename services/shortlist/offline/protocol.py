"""The evaluation protocol: who is tested, on what, and how a recommender is asked.

Time is cut once for all users. A user counts who bought before the cut and, after it, something new to them that is in
the training catalogue. What a user bought before is neither candidate nor relevant; every other training item is a
candidate. Users who appear only after the cut are counted and left out: no model here can tell them apart.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from shortlist.core.arrays import F64, I32, I64
from shortlist.core.errors import InputError
from shortlist.core.types import UNKNOWN_ROW, EventType
from shortlist.offline.interactions import Interactions
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
            histories: U sets, the rows of what each user bought; none of them may be listed.
            k: Items wanted.

        Returns:
            (U, k) int32, item rows best first, 0 where there are fewer.
        """


@dataclass(frozen=True, slots=True)
class TestSet:
    """U users to test a recommender with.

    Args:
        users: (U,) int32, the tested users' codes in the training interactions, ascending.
        histories: U sets, the rows of what they bought before the cut.
        relevant: U sets, the rows of the new items that they bought after it; none is empty.
        unknown_users: How many users appear after the cut only.
    """

    __test__ = False  # a test runner takes the name for a test

    users: I32
    histories: ItemSets
    relevant: ItemSets
    unknown_users: int

    @classmethod
    def build(cls, train: Interactions, later: BehaviourLog) -> "TestSet":
        """Set up the test of what can be learnt from `train` on what happened `later`, after the cut.

        Raises:
            InputError: no user of `train` bought anything new later.
        """
        width = np.int64(train.row_count)
        is_positive = np.isin(train.types, POSITIVE_TYPES)
        bought = np.unique(train.users[is_positive] * width + train.rows[is_positive])
        owners, rows = _coded_pairs(train, later)
        new = np.setdiff1d(owners * width + rows, bought)
        users = np.unique(new // width)
        if not len(users):
            raise InputError(f"{later.dataset}: no user known before the cut does something new after it")
        known = later.events["user"].unique().is_in(train.user_ids)
        return cls(
            users=users.astype(np.int32),
            histories=_sets(bought, users, width),
            relevant=_sets(new, users, width),
            unknown_users=len(known) - int(known.sum()),
        )


def _coded_pairs(train: Interactions, later: BehaviourLog) -> tuple[I64, I64]:
    """Find who of the known users touched which known item, once or often."""
    codes = pl.DataFrame({"user": train.user_ids, "code": np.arange(len(train.user_ids))})
    pairs = (
        later.events.filter(pl.col("type").is_in(POSITIVE_TYPES)).select("user", "item").unique().join(codes, on="user")
    )
    rows = train.vocabulary.rows_of_ids(pairs["item"])
    is_known = rows != UNKNOWN_ROW
    return pairs["code"].to_numpy()[is_known], rows[is_known].astype(np.int64)


def _sets(pairs: I64, users: I64, width: np.int64) -> ItemSets:
    """Collect the pairs (owner * width + row) of some users, in their order."""
    owners, rows = np.divmod(pairs, width)
    chosen = np.isin(owners, users)
    return ItemSets.from_pairs(np.searchsorted(users, owners[chosen]), rows[chosen], len(users))


def evaluate(recommender: Recommender, test: TestSet, k: int = 10) -> dict[str, F64]:
    """Ask for k items for each tested user; metric name to its value for each user, (U,)."""
    blocks = [
        recommender.recommend(test.users[start : start + _BLOCK], test.histories.block(start, start + _BLOCK), k)
        for start in range(0, len(test.users), _BLOCK)
    ]
    hits, relevant = test.relevant.contain(np.concatenate(blocks)), test.relevant.sizes
    return {
        f"ndcg@{k}": ndcg_at(k, hits, relevant),
        f"recall@{k}": recall_at(k, hits, relevant),
        f"hit_rate@{k}": hit_rate_at(k, hits),
        f"mrr@{k}": mrr_at(k, hits),
    }
