"""The evaluation protocol: who is tested, on what, and how a recommender is asked.

A model knows what lies before a cut and is tested on what its users did after it. All training items are candidates.
There are two protocols, never mixed. New items only, the headline: what a user bought before is neither candidate nor
relevant. With re-purchases: it is both. A user counts who bought before the cut and, after it, something relevant.
Users and items of whom training knows nothing are counted and left out: no model here can tell them apart.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from shortlist.core.arrays import F64, I32, I64
from shortlist.core.errors import InputError
from shortlist.core.types import UNKNOWN_ROW
from shortlist.offline.interactions import POSITIVE_TYPES, Interactions
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.log import BehaviourLog
from shortlist.offline.metrics import hit_rate_at, mrr_at, ndcg_at, recall_at

_BLOCK = 512  # users asked at once: score matrices stay at some ten megabytes


class Recommender(Protocol):
    """A model under evaluation; what its users did is what it was fitted on."""

    def recommend(self, users: I32, excluded: ItemSets, k: int) -> I32:
        """List k items for each user.

        Args:
            users: (U,) int32, codes of the users in the training interactions.
            excluded: U sets of rows that may not be listed for the user.
            k: Items wanted.

        Returns:
            (U, k) int32, item rows best first, 0 where there are fewer.
        """


@dataclass(frozen=True, slots=True)
class TestSet:
    """U users to test a recommender with.

    Args:
        users: (U,) int32, the tested users' codes in the training interactions, ascending.
        histories: U sets, the rows of what they bought before the cut, which may not be listed; empty sets where
            re-purchases count.
        relevant: U sets, the rows of what they bought after it that counts; none is empty.
        unknown_users: How many users appear after the cut only.
        unknown_items: How many items appear after it that training has no event of.
    """

    __test__ = False  # a test runner takes the name for a test

    users: I32
    histories: ItemSets
    relevant: ItemSets
    unknown_users: int = 0
    unknown_items: int = 0

    @classmethod
    def build(cls, train: Interactions, later: BehaviourLog, *, repurchases: bool = False) -> "TestSet":
        """Set up the test of what can be learnt from `train` on what happened `later`, after the cut.

        Args:
            train: What lies before the cut.
            later: What came after.
            repurchases: Whether what a user bought before counts again, as candidate and as relevant.

        Raises:
            InputError: no user of `train` bought anything later that counts.
        """
        positive = later.events.filter(pl.col("type").is_in(POSITIVE_TYPES)).select("user", "item").unique()
        codes = pl.DataFrame({"user": train.user_ids, "code": np.arange(len(train.user_ids))})
        pairs = positive.join(codes, on="user")
        rows = train.vocabulary.rows_of_ids(pairs["item"])
        is_known = rows != UNKNOWN_ROW
        owners, rows = pairs["code"].to_numpy()[is_known], rows[is_known].astype(np.int64)
        users, histories, relevant = _tested(train, owners, rows, repurchases=repurchases)
        if not len(users):
            raise InputError(f"{later.dataset}: no user known before the cut does something new after it")
        known = positive["user"].unique().is_in(train.user_ids)
        items = train.vocabulary.rows_of_ids(positive["item"].unique())
        return cls(users, histories, relevant, int((~known).sum()), int((items == UNKNOWN_ROW).sum()))

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model may know, and what it is tested on.

    Args:
        past: What lies before the moment, all of it; its codes and rows may name users and items of the future.
        at_s: The moment, seconds since 1970.
        test: Who is tested, on what came after.
    """

    past: Interactions
    at_s: int
    test: TestSet

    @classmethod
    def after(cls, past: Interactions, at_s: int, later: BehaviourLog, *, repurchases: bool = False) -> "Trial":
        """Make a trial of what came later; see `TestSet.build`."""
        return cls(past, at_s, TestSet.build(past, later, repurchases=repurchases))

    @classmethod
    def within(cls, interactions: Interactions, at_s: int, horizon_s: int) -> "Trial | None":
        """Make a trial of a moment inside a training log, on new items within the horizon: for choosing constants.

        Returns:
            None where nobody who bought before the moment bought anything new after it.
        """
        past = interactions.before(at_s)
        later = (interactions.times >= at_s) & (interactions.times < at_s + horizon_s)
        later &= interactions.is_positive
        later &= np.isin(interactions.users, past.users) & np.isin(interactions.rows, past.rows)
        owners, rows = interactions.users[later].astype(np.int64), interactions.rows[later].astype(np.int64)
        users, histories, relevant = _tested(past, owners, rows, repurchases=False)
        return cls(past, at_s, TestSet(users, histories, relevant)) if len(users) else None


def _tested(train: Interactions, owners: I64, rows: I64, *, repurchases: bool) -> tuple[I32, ItemSets, ItemSets]:
    """Find the users with something relevant among later (owner, row) pairs, their exclusions and what is relevant."""
    width = np.int64(train.row_count)
    buyers, items, _ = train.bought()
    bought = buyers * width + items
    if repurchases:
        relevant, excluded = np.unique(owners * width + rows), bought[:0]
    else:
        relevant, excluded = np.setdiff1d(owners * width + rows, bought), bought
    users = np.unique(relevant // width)
    return users.astype(np.int32), _sets(excluded, users, width), _sets(relevant, users, width)


def _sets(pairs: I64, users: I64, width: np.int64) -> ItemSets:
    """Collect the pairs (owner * width + row) of some users, in their order."""
    owners, rows = np.divmod(pairs, width)
    chosen = np.isin(owners, users)
    return ItemSets.from_pairs(np.searchsorted(users, owners[chosen]), rows[chosen], len(users))


def ask(recommender: Recommender, test: TestSet, k: int) -> I32:
    """Ask for k items for each tested user, block by block: (U, k)."""
    blocks = [
        recommender.recommend(test.users[start : start + _BLOCK], test.histories.block(start, start + _BLOCK), k)
        for start in range(0, len(test), _BLOCK)
    ]
    return np.concatenate(blocks)


def evaluate(recommender: Recommender, test: TestSet, k: int = 10) -> dict[str, F64]:
    """Ask for k items for each tested user; metric name to its value for each user, (U,)."""
    hits, relevant = test.relevant.contain(ask(recommender, test, k)), test.relevant.sizes
    return {
        f"ndcg@{k}": ndcg_at(k, hits, relevant),
        f"recall@{k}": recall_at(k, hits, relevant),
        f"hit_rate@{k}": hit_rate_at(k, hits),
        f"mrr@{k}": mrr_at(k, hits),
    }
