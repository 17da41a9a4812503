import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.arrays import F32
from shortlist.core.topk import top_k

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
# Few distinct values, so that ties are the rule.
SCORES = SHAPES.flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, shape, elements=st.sampled_from([-2.0, -0.0, 0.0, 0.5, 1.0, 3e38])),
        hnp.arrays(np.bool_, shape),
    )
)


@given(SCORES, st.integers(0, 15))
def test_top_k_is_the_head_of_a_stable_sort_of_the_valid_columns(pair: tuple[F32, np.ndarray], k: int) -> None:
    scores, valid = pair
    order, counts = top_k(scores, valid, k)
    for row in range(len(scores)):
        columns = [column for column in range(scores.shape[1]) if valid[row, column]]
        oracle = sorted(columns, key=lambda column: -float(scores[row, column]))[:k]
        assert order[row, : counts[row]].tolist() == oracle
