"""Values in the units of Grafana's panels, as a person writes them."""

from collections.abc import Mapping, Sequence

Scale = tuple[float, str]
"""How much one of it is in the panel's unit, and what it is called."""

_SCALES: Mapping[str, Sequence[Scale]] = {
    "s": (
        (86_400 * 365, "years"),
        (86_400, "days"),
        (3600, "h"),
        (60, "min"),
        (1, "s"),
        (1e-3, "ms"),
        (1e-6, "µs"),
    ),
    "ms": ((1000, "s"), (1, "ms")),
    "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
    "percentunit": ((0.01, "%"),),
    "reqps": ((1, "req/s"),),
    "ops": ((1, "/s"),),
    "none": ((1, ""),),
}


def scale_of(value: float, unit: str) -> Scale:
    """Choose the largest scale of a unit in which a value is at least 1, or its smallest."""
    scales = _SCALES[unit]
    return next((scale for scale in scales if abs(value) >= scale[0] * 0.9995), scales[-1])


def written(value: float, unit: str, scale: Scale | None = None) -> str:
    """Write a value to three digits, in its own scale where none is given."""
    size, name = scale or scale_of(value, unit)
    number = value / size
    return f"{number:.3g} {name}".strip() if abs(number) < 1000 else f"{number:,.0f} {name}".strip()
