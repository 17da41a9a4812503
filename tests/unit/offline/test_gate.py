import numpy as np
import pytest

from shortlist.core.errors import InputError
from shortlist.offline.gate import Quantization, mean_auc


def _measured(int8_auc: float = 0.75, agreement: float = 0.99) -> Quantization:
    return Quantization(100, 50, 0.75, int8_auc, agreement)


def test_an_int8_ranker_that_ranks_alike_passes() -> None:
    _measured().require()
    _measured(int8_auc=0.749).require()


def test_an_int8_ranker_that_loses_auc_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"loses 0\.0100 of AUC.*--precision fp32"):
        _measured(int8_auc=0.74).require()


def test_an_int8_ranker_with_another_top_20_is_refused() -> None:
    with pytest.raises(InputError, match=r"agrees on 90\.0% of the top 20"):
        _measured(agreement=0.9).require()


def test_auc_is_the_share_of_pairs_in_order_and_ties_count_half() -> None:
    scores = np.array([[3.0, 2.0, 2.0, 9.0]], np.float32)
    labels = np.array([[False, True, False, False]])
    held = np.array([[True, True, True, False]])
    assert mean_auc(scores, labels, held) == pytest.approx(0.25)
