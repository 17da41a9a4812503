from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW, EventType
from shortlist.offline.baselines import ItemKnn, Popularity
from shortlist.offline.clean import after, before
from shortlist.offline.ease_baselines import Ease, EaseSettings
from shortlist.offline.interactions import Interactions
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog
from shortlist.offline.protocol import Recommender, TestSet, ask

CUT = 10
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from("uvwxyz"),
        st.sampled_from([EventType.VIEW, EventType.CLICK, EventType.PURCHASE]),
        st.integers(0, 2 * CUT - 1),
    ),
    min_size=1,
    max_size=40,
)
MODELS: list[Callable[[Interactions], Recommender]] = [
    Popularity,
    lambda past: Popularity(past, days=3),
    ItemKnn,
    lambda past: Ease(past, CUT, EaseSettings(1.0, 240.0, 14.0, 0.5)),
]


def _split(events: list[tuple[str, str, EventType, int]]) -> tuple[Interactions, BehaviourLog] | None:
    rows = [(user, item, int(kind), time, 1.0) for user, item, kind, time in events]
    frame = pl.DataFrame(rows, EVENT_SCHEMA, orient="row").sort("time", maintain_order=True)
    log = BehaviourLog("test", frame, pl.DataFrame(schema=ITEM_SCHEMA), len(rows))
    try:
        return Interactions.of(before(log, CUT), CUT), after(log, CUT)
    except InputError:
        return None


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_what_was_bought_before_is_neither_listed_nor_relevant(
    model: Callable[[Interactions], Recommender], events: list[tuple[str, str, EventType, int]]
) -> None:
    split = _split(events)
    if split is None:
        return
    past, later = split
    try:
        test = TestSet.build(past, later)
    except InputError:
        return
    bought = {(user, item) for user, item, kind, time in events if time < CUT and kind != EventType.VIEW}
    wanted = {(user, item) for user, item, kind, time in events if time >= CUT and kind != EventType.VIEW}
    listed = ask(model(past), test, 10)
    for place, user in enumerate(test.users):
        name = past.user_ids[user]
        rows = listed[place][listed[place] >= FIRST_ITEM_ROW]
        assert len(set(rows)) == len(rows)
        assert not {(name, past.vocabulary.ids[row - FIRST_ITEM_ROW]) for row in rows} & bought
        relevant = {(name, past.vocabulary.ids[row - FIRST_ITEM_ROW]) for row in test.relevant[place]}
        known = {(name, item) for item in past.vocabulary.ids}
        assert relevant == {pair for pair in wanted if pair[0] == name} & known - bought
