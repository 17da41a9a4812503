import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from shortlist.core.arrays import F32, Structured
from shortlist.core.types import EventType
from shortlist.features.encode import encode_histories, encode_user_dense
from shortlist.features.row import COUNTERS, EVENT_DTYPE, MAX_EVENTS, RowFormatError, UserRow
from shortlist.release.vocabulary import Vocabulary

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
EVENTS = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), FINITE, st.sampled_from(EventType).map(int)),
    max_size=MAX_EVENTS + 2,
).map(lambda events: np.array(events, EVENT_DTYPE))
ROWS = st.builds(
    UserRow,
    EVENTS,
    st.integers(0, 2**64 - 1),
    hnp.arrays(np.float32, len(COUNTERS), elements=FINITE),
    st.integers(0, 2**32 - 1),
)
VOCABULARY = Vocabulary.build(["a", "b"])


def decoded(value: bytes) -> UserRow | None:
    """Decode a row, or find that it is none."""
    try:
        return UserRow.decode(value)
    except RowFormatError:
        return None


def check_usable(row: UserRow | None) -> None:
    """See that the models can take what a row encodes to."""
    now = np.array([1.7e9])
    history = encode_histories([row], [()], VOCABULARY, now, MAX_EVENTS)
    dense: F32 = encode_user_dense([row], history, now)
    assert np.isfinite(dense).all()
    assert np.isfinite(history.ages).all()
    assert history.types.max() <= max(EventType)


@given(ROWS)
def test_a_row_comes_back_from_its_bytes(row: UserRow) -> None:
    again = UserRow.decode(row.encode())
    kept: Structured = row.events[:MAX_EVENTS]
    assert again.events.tobytes() == kept.tobytes()
    assert again.counters.tobytes() == row.counters.tobytes()
    assert (again.version, again.counters_time) == (row.version, row.counters_time)


@given(ROWS)
def test_whatever_a_row_holds_the_models_can_take_it(row: UserRow) -> None:
    check_usable(UserRow.decode(row.encode()))


@given(st.binary(max_size=200))
@example(b"UR\x01\x02")
def test_garbage_is_no_row_and_no_crash(value: bytes) -> None:
    assert decoded(value) is None


@given(ROWS, st.data())
def test_a_truncated_row_is_refused_wherever_it_ends(row: UserRow, data: st.DataObject) -> None:
    value = row.encode()
    assert decoded(value[: data.draw(st.integers(0, len(value) - 1))]) is None


@given(ROWS, st.data())
def test_a_flipped_bit_is_refused_or_still_a_usable_row(row: UserRow, data: st.DataObject) -> None:
    value = bytearray(row.encode())
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    check_usable(decoded(bytes(value)))
