"""The few shapes of PromQL that the panels are made of.

Nothing is padded: where nothing happened a rate is 0, because every label set exists from the start, and where nobody
measured there is no series.
"""

from collections.abc import Sequence

GATEWAY = 'instance=~"$instance"'
"""Selects the gateways chosen at the top of a dashboard."""

WINDOW = "$__rate_interval"
"""The window that Grafana fits to zoom and scrape interval."""


def selected(metric: str, *matchers: str) -> str:
    """Select a metric's series by label matchers."""
    return f"{metric}{{{','.join(matchers)}}}" if matchers else metric


def per_second(counter: str, *matchers: str, by: Sequence[str] = (), window: str = WINDOW) -> str:
    """Add up a counter's rates, by labels."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (rate({selected(counter, *matchers)}[{window}]))"


def mean(histogram: str, *matchers: str, by: Sequence[str] = ()) -> str:
    """Average what a histogram observed."""
    total = per_second(f"{histogram}_sum", *matchers, by=by)
    return f"{total} / {per_second(f'{histogram}_count', *matchers, by=by)}"


def quantile(share: float, histogram: str, *matchers: str, by: Sequence[str] = ()) -> str:
    """Estimate a quantile of what a histogram observed."""
    return f"histogram_quantile({share}, {per_second(f'{histogram}_bucket', *matchers, by=('le', *by))})"


def short_method(expression: str) -> str:
    """Name methods without their service, for legends."""
    return f'label_replace({expression}, "method", "$1", "method", ".*/(.*)")'
