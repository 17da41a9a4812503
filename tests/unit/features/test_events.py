import numpy as np

from shortlist.core.keys import digest, item_key
from shortlist.core.types import EventType
from shortlist.features.row import EVENT_DTYPE
from support.user_events import user_event


def test_an_event_is_packed_as_its_id_and_what_a_row_holds() -> None:
    packed = user_event("e-1", "item-7", 1_700_000_000, EventType.PURCHASE, 2.5).packed()
    (held,) = np.frombuffer(packed[8:], EVENT_DTYPE)
    assert packed[:8] == digest("e-1")
    assert held.tolist() == (item_key("item-7"), 1_700_000_000, 2.5, int(EventType.PURCHASE))


def test_the_ends_of_what_a_row_can_hold_are_packed() -> None:
    largest = float(np.finfo(np.float32).max)
    packed = user_event("e", "i", 2**32 - 1, EventType.HIDE, largest).packed()
    (held,) = np.frombuffer(packed[8:], EVENT_DTYPE)
    assert (int(held["time"]), float(held["value"])) == (2**32 - 1, largest)
