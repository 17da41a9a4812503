"""How a test's load runs over its time, as a share of its peak."""

from collections.abc import Callable

_STEPS = 5
_BASE_SHARE = 0.2
_RAMP = 0.1


def steady(_progress: float) -> float:
    """Keep the peak."""
    return 1.0


def step(progress: float) -> float:
    """Climb to the peak in five equal steps: where does it begin to queue?"""
    return min(int(progress * _STEPS) + 1, _STEPS) / _STEPS


def spike(progress: float) -> float:
    """Keep a fifth of the peak and jump to it for the middle fifth of the time: does it recover?"""
    return 1.0 if 0.4 <= progress < 0.6 else _BASE_SHARE


def soak(progress: float) -> float:
    """Climb for a tenth of the time, then keep the peak; meant for hours: does anything grow?"""
    return _BASE_SHARE + (1.0 - _BASE_SHARE) * min(progress / _RAMP, 1.0)


SHAPES: dict[str, Callable[[float], float]] = {shape.__name__: shape for shape in (steady, step, spike, soak)}
"""By name: from the share of the test's time that has passed, 0 to 1, to the share of its peak, above 0 to 1."""


def share_of_peak(shape: str, elapsed_s: float, run_time_s: float | None) -> float:
    """Tell the share of the peak after `elapsed_s` seconds of a test of `run_time_s`; None: without an end, steady."""
    return 1.0 if run_time_s is None else SHAPES[shape](min(elapsed_s / run_time_s, 1.0))
