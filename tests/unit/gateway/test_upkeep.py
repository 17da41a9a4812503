import logging
import threading

import pytest

from shortlist.core.errors import UnavailableError
from shortlist.gateway.upkeep import Upkeep
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import BreakerState
from support.pipelines import Kitchen, kitchen

WAIT_S = 10.0


class Forgetful:
    """A ranker's server that is down while told so, and counts how often it is looked after."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_down = False
        self.looked = threading.Event()

    def ensure_loaded(self) -> None:
        """Load."""
        self.looks += 1
        self.looked.set()
        if self.is_down:
            raise UnavailableError("triton", "connection refused")


@pytest.fixture
def place(tiny_release: Release) -> Kitchen:
    """Make breakers and metrics."""
    return kitchen(tiny_release)


def test_the_ranker_is_looked_after(place: Kitchen) -> None:
    ranker = Forgetful()
    Upkeep(ranker, place.breakers, place.metrics).tick()
    assert ranker.looks == 1


def test_breakers_are_reported(place: Kitchen) -> None:
    for _ in range(5):
        place.breakers["triton"].failed()
    Upkeep(None, place.breakers, place.metrics).tick()
    assert place.count("breaker_state", dependency="triton") == BreakerState.OPEN
    assert place.count("breaker_state", dependency="redis") == BreakerState.CLOSED


def test_a_server_that_is_down_is_told_once_and_so_is_its_return(
    place: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ranker = Forgetful()
    upkeep = Upkeep(ranker, place.breakers, place.metrics)
    for is_down in (False, True, True, False, False):
        ranker.is_down = is_down
        upkeep.tick()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "connection refused" in caplog.text


def test_it_looks_again_and_again_until_it_is_stopped(place: Kitchen) -> None:
    before = set(threading.enumerate())
    ranker = Forgetful()
    upkeep = Upkeep(ranker, place.breakers, place.metrics, interval_s=0.001)
    upkeep.start()
    for _ in range(2):
        assert ranker.looked.wait(WAIT_S)
        ranker.looked.clear()
    upkeep.stop()
    assert set(threading.enumerate()) <= before


def test_a_defect_in_one_look_does_not_end_the_others(place: Kitchen) -> None:
    class Defective(Forgetful):
        def ensure_loaded(self) -> None:
            super().ensure_loaded()
            if self.looks == 1:
                raise RuntimeError("a defect")

    ranker = Defective()
    upkeep = Upkeep(ranker, place.breakers, place.metrics, interval_s=0.001)
    upkeep.start()
    for _ in range(2):
        assert ranker.looked.wait(WAIT_S)
        ranker.looked.clear()
    upkeep.stop()


def test_the_rules_are_looked_after_although_the_ranker_is_not_there(place: Kitchen) -> None:
    class Rules:
        looks = 0

        def look(self) -> None:
            """Count."""
            self.looks += 1

    ranker, rules = Forgetful(), Rules()
    ranker.is_down = True
    upkeep = Upkeep(ranker, place.breakers, place.metrics, rules=rules)
    for _ in range(2):
        upkeep.tick()
    assert rules.looks == 2
