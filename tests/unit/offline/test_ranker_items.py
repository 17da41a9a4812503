import numpy as np
import pytest
import torch

from shortlist.offline.ranker_items import FoldedItemVectors, ItemVectors

CATEGORIES = np.array([[0, 0], [0, 0], [1, 3], [2, 0], [1, 3], [2, 4]], np.int32)


def test_an_items_vector_is_the_sum_of_its_categories_and_a_1() -> None:
    items = ItemVectors(CATEGORIES, 4)
    given, kinds = items(torch.tensor([[2, 0]])), items.embedding.kinds.weight
    torch.testing.assert_close(
        given, torch.stack([torch.cat([kinds[1] + kinds[3], torch.ones(1)]), torch.eye(4)[3]])[None]
    )


def test_the_table_for_serving_holds_each_combination_once() -> None:
    items = ItemVectors(CATEGORIES, 4)
    folded = items.folded()
    assert len(folded.combinations.weight) == 4
    rows = torch.tensor([[5, 4, 3], [2, 1, 0]], dtype=torch.int32)
    torch.testing.assert_close(folded(rows), items(rows.long()))


@pytest.mark.parametrize(("combinations", "kind"), [(256, torch.uint8), (257, torch.int16), (40_000, torch.int32)])
def test_numbers_are_as_narrow_as_they_can_be(combinations: int, kind: torch.dtype) -> None:
    folded = FoldedItemVectors(torch.arange(combinations * 2.0).reshape(-1, 2), torch.arange(combinations))
    assert folded.number.dtype == kind
    assert folded(torch.tensor([combinations - 1])).tolist() == [[combinations * 2.0 - 2, combinations * 2.0 - 1]]
