from dataclasses import replace

import pytest

from shortlist.core.errors import InputError
from shortlist.offline.gate import Quantization

ALIKE = Quantization(
    fp32_bytes=100,
    int8_bytes=50,
    fp32_auc=0.75,
    int8_auc=0.75,
    auc_gain_low=-0.001,
    auc_gain_high=0.001,
    auc_requests=1_200,
    top20_agreement=0.99,
    agreement_requests=2_000,
    fp32_us_of_1=200.0,
    int8_us_of_1=150.0,
    fp32_us_of_32=5_000.0,
    int8_us_of_32=4_000.0,
    has_avx512_vnni=True,
)


def test_an_int8_ranker_that_ranks_alike_passes() -> None:
    ALIKE.require()
    replace(ALIKE, int8_auc=0.749).require()


def test_an_int8_ranker_that_loses_auc_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"loses 0\.0100 of AUC.*on 1,200 requests.*--precision fp32"):
        replace(ALIKE, int8_auc=0.74).require()


def test_an_int8_ranker_with_another_top_20_is_refused() -> None:
    with pytest.raises(InputError, match=r"agrees on 90\.0% of the top 20 .*on 2,000 requests"):
        replace(ALIKE, top20_agreement=0.9).require()


@pytest.mark.parametrize("field", ["int8_auc", "top20_agreement"])
def test_what_could_not_be_measured_is_refused(field: str) -> None:
    with pytest.raises(InputError, match="refused"):
        replace(ALIKE, **{field: float("nan")}).require()  # type: ignore[arg-type]  # both are floats


def test_a_slow_int8_ranker_passes_for_no_time_decides() -> None:
    replace(ALIKE, int8_us_of_1=1e6, int8_us_of_32=1e6).require()
