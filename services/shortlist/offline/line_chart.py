"""Lines over two axes as SVG: enough for a learning curve, and it follows the page's colours."""

import math
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from shortlist.offline.markup import element

Points = Sequence[tuple[float, float]]
_WIDTH, _HEIGHT = 480, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 30, 42
_STEPS = (1.0, 2.0, 5.0, 10.0)


def line_chart(lines: Mapping[str, Points], across: str, upward: str) -> Element:
    """Draw lines, each with its name above; a point that is not finite is left out.

    Args:
        lines: Points (x, y) in the order in which they are joined, by the line's name; two lines at most.
        across: What x is, with its unit.
        upward: What y is, with its unit.
    """
    drawn = {name: [point for point in points if all(map(math.isfinite, point))] for name, points in lines.items()}
    points = [point for kept in drawn.values() for point in kept]
    x_axis = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    y_axis = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = []
    for value in y_axis.ticks():
        y = y_axis.place(value)
        parts += [_rule(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 6, y + 4, f"{value:g}", "end")]
    parts += [_text(x_axis.place(value), _HEIGHT - _BOTTOM + 18, f"{value:g}", "middle") for value in x_axis.ticks()]
    parts += [_text(_WIDTH - _RIGHT, _HEIGHT - 6, across, "end"), _text(0, 14, upward, "")]
    for number, (name, kept) in enumerate(drawn.items()):
        colour = f"line-{number}"
        places = [(f"{x_axis.place(x):.1f}", f"{y_axis.place(y):.1f}") for x, y in kept]
        parts.append(element("polyline", class_=colour, points=" ".join(map(",".join, places))))
        parts += [element("circle", class_=colour, cx=x, cy=y, r="3") for x, y in places]
        left = _WIDTH - 110 * (len(drawn) - number)
        parts += [_rule(left, 10, left + 18, 10, colour), _text(left + 24, 14, name, "")]
    return element("svg", *parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=f"{upward} by {across}")


class _Axis:
    """Maps values to coordinates, with a margin of a twentieth at both ends."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        low, high = min(values, default=0.0), max(values, default=1.0)
        self._span = (high - low) or abs(high) or 1.0
        self._low, self._high = low - self._span / 20, high + self._span / 20
        self._begin, self._end = begin, end
        self._is_whole = all(float(value).is_integer() for value in values)

    def place(self, value: float) -> float:
        return self._begin + (value - self._low) / (self._high - self._low) * (self._end - self._begin)

    def ticks(self) -> list[float]:
        """Give some four round values; whole ones where all values are whole."""
        magnitude = 10.0 ** math.floor(math.log10(self._span / 4))
        step = magnitude * next(factor for factor in _STEPS if factor * magnitude >= self._span / 4)
        step = max(step, 1.0) if self._is_whole else step
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        return [round(place * step, 12) for place in range(first, last + 1)]


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> Element:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind)


def _text(x: float, y: float, text: str, anchor: str) -> Element:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=anchor)
