"""A few users of the test as a person reads them: what they bought, what they would be served, what they then did."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import I64
from shortlist.core.types import PADDING_ROW
from shortlist.offline.protocol import TestSet, Trial
from shortlist.offline.served import requests_of, serve
from shortlist.release.bundle import Release

USERS, HISTORY, SLATE = 5, 8, 10


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item by its title, or its id where it has none, and its categories from general to special."""

    title: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServedItem:
    """An item of a slate: the place that each source gave it, from 1, and whether the user bought it afterwards."""

    item: ShownItem
    ranks: Mapping[str, int]
    is_bought: bool


@dataclass(frozen=True, slots=True)
class Example:
    """What a user would have been served at the cut.

    Args:
        user_id: Whose it is.
        history: Their newest items, newest first.
        slate: Best first, nothing that they had bought.
        bought: How many new items they bought afterwards; the test asks for these.
    """

    user_id: str
    history: tuple[ShownItem, ...]
    slate: tuple[ServedItem, ...]
    bought: int


def examples_of(release: Release, trial: Trial) -> tuple[Example, ...]:
    """Serve some of a trial's users, from a short history to a long one.

    Args:
        release: Trained on what lies before the trial.
        trial: Of new items only, over the release's vocabulary.
    """
    past, test, features = trial.past, trial.test, release.manifest.features
    places = _spread(test)
    requests, excluded = requests_of(trial)
    requests = requests.take(places)
    lists = serve(release, requests, [excluded[place] for place in places])
    rows = lists.candidates.rows

    def served(user: int, column: int) -> ServedItem:
        row, ranks = int(rows[user, column]), lists.candidates.ranks[user, column].tolist()
        return ServedItem(
            _shown(release, row),
            {source: rank for source, rank in zip(features.sources, ranks, strict=True) if rank},
            row in test.relevant[places[user]],
        )

    return tuple(
        Example(
            past.user_ids[code],
            tuple(_shown(release, row) for row in requests.history.rows[user, :HISTORY].tolist() if row),
            tuple(
                served(user, column)
                for column in lists.order[user, :SLATE].tolist()
                if rows[user, column] != PADDING_ROW
            ),
            len(test.relevant[places[user]]),
        )
        for user, code in enumerate(requests.users.tolist())
    )


def _spread(test: TestSet) -> I64:
    """Place the users at the middles of fifths by what they had bought: nobody twice, fewer where fewer are tested."""
    by_history = np.argsort(test.histories.sizes, kind="stable")
    middles = (2 * np.arange(USERS) + 1) * len(test) // (2 * USERS)
    places: I64 = by_history[np.unique(middles)].astype(np.int64)
    return places


def _shown(release: Release, row: int) -> ShownItem:
    title = release.catalogue.titles[row] or release.vocabulary.id_of(row)
    return ShownItem(title, tuple(release.catalogue.categories_of(row)))
