from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.errors import OverloadedError
from shortlist.resilience.waiting import LOW_PRIORITY_SHARE, WaitingQueue
from support.waiting_jobs import StandInJob

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("take"), st.integers(1, 4), st.just(value=False)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(0, 8))
def test_the_queue_behaves_as_two_lists_with_a_bound(steps: list[tuple[str, int, bool]], places: int) -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(places)
    normal: list[StandInJob] = []
    low: list[StandInJob] = []
    for step, count, is_low in steps:
        if step == "admit":
            jobs = [StandInJob(is_low_priority=is_low) for _ in range(count)]
            bound = int(places * LOW_PRIORITY_SHARE) if is_low else places
            has_room = not jobs or len(normal) + len(low) + count <= bound
            try:
                queue.admit(jobs, 0.0, 0.0)
            except OverloadedError:
                assert not has_room
            else:
                assert has_room
                (low if is_low else normal).extend(jobs)
        else:
            both = normal + low
            assert queue.take(count, 0.0) == (both[:count], [], [])
            normal, low = normal[count:], low[max(0, count - len(normal)) :]
        assert len(queue) == len(normal) + len(low) <= places
