"""What sources' own scores have in common: each is read as a share of its best of the request."""

import numpy as np

from shortlist.core.arrays import F32
from shortlist.core.compiled import F32 as FLOAT
from shortlist.core.compiled import I64 as LONG
from shortlist.core.compiled import compiled, filled, given


@compiled(given(FLOAT, 3), LONG, filled(FLOAT, 1))
def put_divisors(scores: F32, request: int, divisors: F32) -> None:
    """Fill in what each source's scores of a request are divided by: the best of them, or 1 where none is above 0.

    Args:
        scores: (B, N, S) float32.
        request: Of the batch.
        divisors: (S,) float32, with any content.
    """
    divisors[:] = 0.0
    for place in range(scores.shape[1]):
        for source in range(len(divisors)):
            divisors[source] = max(divisors[source], scores[request, place, source])
    for source in range(len(divisors)):
        if divisors[source] <= 0.0:
            divisors[source] = np.float32(1.0)
