"""Who asks for what: users and items of a release by Zipf's law, a few strangers, a mix of three calls and of clicks.

Nobody's traffic was measured for this. Popularity that falls with rank as 1/rank is the usual model of it. Of ten page
views eight ask for a slate (home, feed, cart), which is what the cluster is for; an item's page asks for similar items;
ranking of candidates that the caller brings, as a search does, is rarest, and the dearest to send. A click is recorded
for a share of the calls.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shortlist.core.errors import InputError
from shortlist.release.bundle import Release
from shortlist.release.strings import StringTable
from shortlist.v1.events_pb2 import EVENT_TYPE_CLICK, Event, RecordEventsRequest
from shortlist.v1.recommender_pb2 import RankRequest, RecommendRequest, SimilarItemsRequest

LIMIT = 20
RANK_CANDIDATES = 100
UNKNOWN_SHARE = 0.02
"""Of the users: nobody has seen them before, so they get a cold start."""
MIX = {"Recommend": 0.80, "SimilarItems": 0.15, "Rank": 0.05}
"""Of the calls that read."""
WRITE = "RecordEvents"
WRITE_SHARE = 0.10
"""Of all calls, unless another is asked for."""

Request = RecommendRequest | SimilarItemsRequest | RankRequest | RecordEventsRequest


@dataclass(frozen=True, slots=True)
class Call:
    """A method and its request."""

    method: str
    request: Request


@dataclass(frozen=True, slots=True)
class Population:
    """The users and items that calls name."""

    users: StringTable
    items: StringTable

    @classmethod
    def of_release(cls, path: Path) -> "Population":
        """Read them from a release's directory.

        Raises:
            ReleaseRefusedError: it cannot be opened.
            InputError: it has no users, or no items.
        """
        release = Release.open(path)
        population = cls(release.histories().users, release.vocabulary.ids)
        if not population.users or not population.items:
            raise InputError(f"{path}: a load test needs users and items, and this release lacks one of them")
        return population


class Zipf:
    """Places from 0 to before `count`; the one of rank k is drawn with a probability proportional to 1/k.

    Which place has which rank is shuffled: an id's place must not say how popular it is.
    """

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self.by_rank = rng.permutation(count)
        """The place of each rank, most popular first."""
        self._shares = np.cumsum(1.0 / np.arange(1, count + 1))

    def draw(self) -> int:
        """Draw a place."""
        rank = np.searchsorted(self._shares, self._rng.random() * self._shares[-1], side="right")
        return int(self.by_rank[min(rank, len(self.by_rank) - 1)])


class Traffic:
    """An endless sequence of calls; the same seed gives the same one, but for the ids of its events.

    Args:
        population: Whom and what the calls name.
        rng: Of all chance.
        write_share: Share of the calls that record a click, of a user and an item of the release.
    """

    def __init__(self, population: Population, rng: np.random.Generator, write_share: float = WRITE_SHARE) -> None:
        self._rng, self._population, self._write_share = rng, population, write_share
        self._users, self._items = Zipf(len(population.users), self._rng), Zipf(len(population.items), self._rng)
        self._strangers = 0
        self._methods: Sequence[str] = tuple(MIX)
        self._mix = np.cumsum(list(MIX.values()))

    def next_call(self) -> Call:
        """Draw a call."""
        if self._rng.random() < self._write_share:
            return Call(WRITE, RecordEventsRequest(events=[self._next_click()]))
        method = self._methods[int(np.searchsorted(self._mix[:-1], self._rng.random(), side="right"))]
        if method == "SimilarItems":
            return Call(method, SimilarItemsRequest(item_id=self._population.items[self._items.draw()], limit=LIMIT))
        if method == "Rank":
            places = self._rng.integers(len(self._population.items), size=RANK_CANDIDATES)
            candidates = self._population.items.pick(places)
            return Call(method, RankRequest(user_id=self._next_user(), item_ids=candidates, limit=LIMIT))
        return Call(method, RecommendRequest(user_id=self._next_user(), limit=LIMIT))

    def _next_click(self) -> Event:
        # An id that was sent before, as by a run of the same seed, would be told and change nothing.
        return Event(
            event_id=uuid.uuid4().hex,
            user_id=self._population.users[self._users.draw()],
            item_id=self._population.items[self._items.draw()],
            type=EVENT_TYPE_CLICK,
        )

    def _next_user(self) -> str:
        if self._rng.random() < UNKNOWN_SHARE:
            self._strangers += 1
            return f"loadtest-stranger-{self._strangers}"
        user: str = self._population.users[self._users.draw()]
        return user
