"""A histogram that takes arrays: what one batch holds is counted at once, not value by value."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from shortlist.core.arrays import F32, F64


class ArrayHistogram(Collector):
    """An ordinary histogram to Prometheus; thread-safe.

    As OpenMetrics has it, count and sum are there only where no value can be negative; the bucket "+Inf" holds the
    count in any case.

    Args:
        name: The metric's name.
        documentation: What it tells.
        buckets: Upper bounds, rising, without infinity.
        registry: Where it is registered.
    """

    def __init__(self, name: str, documentation: str, buckets: Sequence[float], registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._buckets = list(buckets)
        self._bounds: F64 = np.array(buckets, np.float64)
        # As the client's own histograms write them.
        self._les: list[str] = [floatToGoString(bound) for bound in (*buckets, np.inf)]  # type: ignore[no-untyped-call]
        self._counts = np.zeros(len(buckets) + 1, np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe_many(self, values: F32 | F64) -> None:
        """Count values, which must be finite; an empty array does nothing."""
        places = np.searchsorted(self._bounds, values, side="left")  # a bucket holds its upper bound
        counts = np.bincount(places, minlength=len(self._counts))
        total = float(values.sum(dtype=np.float64))
        with self._lock:
            self._counts += counts
            self._sum += total

    def observe_each(self, values: Sequence[float]) -> None:
        """Count a few values, which must be finite: for up to some thirty it is quicker than an array."""
        with self._lock:
            for value in values:
                self._counts[bisect_left(self._buckets, value)] += 1
            self._sum += sum(values)

    def collect(self) -> Iterable[Metric]:
        """Expose the buckets, added up from the lowest."""
        with self._lock:
            cumulative, total = np.cumsum(self._counts).tolist(), self._sum
        yield HistogramMetricFamily(
            self._name,
            self._documentation,
            buckets=[(le, float(count)) for le, count in zip(self._les, cumulative, strict=True)],
            sum_value=total,
        )

    def describe(self) -> Iterable[Metric]:
        """Name the metric, so that a second one of its name is refused."""
        yield HistogramMetricFamily(self._name, self._documentation)
