import os
from contextlib import closing

from shortlist.resilience.heartbeats import INTERVAL_S, SILENCE_S, Heart, Watch, has_beaten
from support.front_doors import wait_until


def looks(watch: Watch, start: float, times: int, has_beaten: bool) -> list[bool]:
    return [watch.look(start + (turn + 1) * INTERVAL_S, has_beaten) for turn in range(times)]


def test_a_process_that_beats_lives_and_its_first_beat_says_that_it_is_ready() -> None:
    watch = Watch(0.0, start_timeout_s=5.0)
    assert not watch.is_ready
    assert all(looks(watch, 0.0, 100, has_beaten=True))
    assert watch.is_ready


def test_a_process_that_is_silent_for_a_second_is_taken_for_stopped() -> None:
    watch = Watch(0.0, start_timeout_s=5.0)
    watch.look(0.1, has_beaten=True)
    verdicts = looks(watch, 0.1, 12, has_beaten=False)
    silent_turns = round(SILENCE_S / INTERVAL_S)
    assert all(verdicts[: silent_turns - 1])
    assert not any(verdicts[silent_turns:])


def test_a_process_that_starts_may_be_silent_until_its_start_is_over() -> None:
    watch = Watch(0.0, start_timeout_s=5.0)
    verdicts = looks(watch, 0.0, 52, has_beaten=False)
    assert all(verdicts[:48])
    assert not any(verdicts[50:])
    assert not watch.is_ready


def test_a_supervisor_that_did_not_look_itself_blames_nobody() -> None:
    watch = Watch(0.0, start_timeout_s=5.0)
    watch.look(0.1, has_beaten=True)
    assert watch.look(3600.0, has_beaten=False)
    assert not all(looks(watch, 3600.0, 10, has_beaten=False))


def test_a_heart_beats_from_its_start_and_not_after_its_end() -> None:
    listening, beating = os.pipe()
    os.set_blocking(listening, False)
    with open(listening, "rb"):  # noqa: PTH123  # a descriptor, not a path
        with closing(Heart(beating, interval_s=0.001)) as heart:
            assert not has_beaten(listening)
            heart.start()
            wait_until(lambda: has_beaten(listening))
            wait_until(lambda: has_beaten(listening))
        has_beaten(listening)
        assert not has_beaten(listening)


def test_a_heart_that_never_started_closes_too() -> None:
    listening, beating = os.pipe()
    with open(listening, "rb") as pipe:  # noqa: PTH123  # a descriptor, not a path
        Heart(beating).close()
        assert pipe.read() == b""


def test_a_heart_goes_on_when_nobody_reads_its_beats() -> None:
    listening, beating = os.pipe()
    os.set_blocking(listening, False)
    os.set_blocking(beating, False)
    with open(listening, "rb"):  # noqa: PTH123  # a descriptor, not a path
        try:
            while os.write(beating, bytes(4096)):
                pass
        except BlockingIOError:
            pass
        with closing(Heart(beating, interval_s=0.001)) as heart:
            heart.start()
            assert has_beaten(listening)
            wait_until(lambda: has_beaten(listening))
