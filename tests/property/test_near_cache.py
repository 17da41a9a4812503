"""Whatever is written, told and read in whatever order: no row is older than what the cache had been told."""

from hypothesis import given, settings
from hypothesis import strategies as st

from support.near_caches import Place

USERS = ("ann", "bob", "cy")
LIMIT_BYTES = 1400
"""Room for two rows."""
ACTIONS = (
    *["read"] * 6,
    *["slow read", "change"] * 5,
    *["track", "recover"] * 3,
    *["write", "write", "tell", "tell all", "lose", "fail", "wait"],
)
WHO = ("ann", *USERS)
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(WHO)), min_size=10, max_size=200)
"""Weighted towards what goes wrong: changes of one user, told while the row is read."""


class Run:
    """Plays steps and checks each read; what follows a slow one, up to the next read, happens while it is under way.

    `told` is the version of each user in the last push, `fresh` what a row that passes for fresh must have.
    """

    def __init__(self) -> None:
        self.place = Place(LIMIT_BYTES, wait_s=0.0)
        self.told, self.fresh = dict.fromkeys(USERS, 0), dict.fromkeys(USERS, 0)

    def play(self, steps: list[tuple[str, str]]) -> None:
        while steps:
            step, who = steps.pop(0)
            if step == "read":
                self.read(who, [])
            elif step == "slow read":
                pause = next((place for place, (later, _) in enumerate(steps) if "read" in later), len(steps))
                self.read(who, [steps.pop(0) for _ in range(pause)])
            else:
                self.do(step, who)

    def do(self, step: str, who: str) -> None:
        versions, cache = self.place.store.versions, self.place.cache
        if step in {"write", "change"}:
            versions[who] = versions.get(who, 0) + 1
        if step in {"tell", "change"}:
            cache.changed([who])
            self.told[who] = self.fresh[who] = versions.get(who, 0)
        elif step == "tell all":
            cache.all_changed()
            self.told |= versions
            self.fresh |= versions
        elif step == "lose":
            cache.lost()
        elif step == "track":
            cache.tracked(self.place.now)
            self.fresh |= versions
        elif step == "wait":
            self.place.now += 1.0
        elif step in {"fail", "recover"}:
            self.place.store.is_down = step == "fail"

    def read(self, who: str, meanwhile: list[tuple[str, str]]) -> None:
        told, fresh = self.told[who], self.fresh[who]

        def go_on() -> None:
            while meanwhile:
                self.do(*meanwhile.pop(0))

        self.place.store.under_way = go_on
        read = self.place.read(who)
        go_on()
        version = read.rows[0].version if read.rows[0] else 0
        assert version >= told or read.unread
        assert version >= fresh or read.unread or read.stale
        assert self.place.count("bytes") <= LIMIT_BYTES


@settings(max_examples=200)
@given(STEPS)
def test_no_row_is_older_than_the_last_push(steps: list[tuple[str, str]]) -> None:
    Run().play(steps)
