"""Towers and ranker as modules: what padding, unknown items and unseen types do."""

import numpy as np
import torch

from shortlist.core.types import UNKNOWN_ROW, EventType
from shortlist.offline.item_tower import ItemTower
from shortlist.offline.modules import AgeAndType, ItemEmbedding, Standardise
from shortlist.offline.query_tower import QueryTower
from shortlist.offline.ranker import Ranker
from shortlist.offline.ranker_training import list_loss

RANDOM = np.random.default_rng(0)
CATEGORIES = np.array([[0], [0], [1], [2], [1], [2]], np.int32)


def _query_inputs(users: int, length: int) -> dict[str, torch.Tensor]:
    return {
        "history_embedding": torch.randn(users, length, 8),
        "history_mask": torch.ones(users, length),
        "history_type": torch.full((users, length), int(EventType.PURCHASE), dtype=torch.int32),
        "history_age": torch.rand(users, length) * 100,
        "user_dense": torch.randn(users, 3),
    }


def test_towers_give_directions_of_unit_length_and_a_bias() -> None:
    columns = RANDOM.normal(size=(6, 4)).astype(np.float32)
    items = ItemTower(CATEGORIES, columns, RANDOM.normal(size=(6, 7)).astype(np.float32)).eval()
    queries = QueryTower(RANDOM.normal(size=(20, 3)).astype(np.float32), 8).eval()
    embedded, asked = items(torch.arange(2, 6), torch.from_numpy(columns[2:])), queries(**_query_inputs(3, 5))
    torch.testing.assert_close(embedded[:, :-1].norm(dim=1), torch.ones(4))
    torch.testing.assert_close(asked[:, :-1].norm(dim=1), torch.ones(3))
    torch.testing.assert_close(asked[:, -1], torch.ones(3))


def test_a_query_begins_as_the_mean_of_what_was_bought() -> None:
    tower = QueryTower(RANDOM.normal(size=(20, 3)).astype(np.float32), 8).eval()
    inputs = _query_inputs(2, 1)
    bought = inputs["history_embedding"][:, 0, :-1]
    torch.testing.assert_close(tower(**inputs)[:, :-1], bought / bought.norm(dim=1, keepdim=True))


def test_padding_does_not_move_a_query() -> None:
    tower = QueryTower(RANDOM.normal(size=(20, 3)).astype(np.float32), 8).eval()
    inputs = _query_inputs(2, 5)
    inputs["history_mask"][:, 3:] = 0.0
    other = {name: tensor.clone() for name, tensor in inputs.items()}
    other["history_embedding"][:, 3:] = 9.0
    other["history_age"][:, 3:] = 0.0
    torch.testing.assert_close(tower(**inputs), tower(**other))


def test_a_user_without_a_history_gets_a_finite_query() -> None:
    tower = QueryTower(RANDOM.normal(size=(20, 3)).astype(np.float32), 8).eval()
    inputs = _query_inputs(1, 5)
    inputs["history_mask"][:] = 0.0
    assert torch.isfinite(tower(**inputs)).all()


def test_standardise_clips_and_silences_what_never_varied() -> None:
    seen = np.column_stack([RANDOM.normal(5.0, 2.0, 1000), np.full(1000, 3.0)]).astype(np.float32)
    given = Standardise(seen)(torch.tensor([[5.0, 3.0], [1e9, 4.0]]))
    assert abs(given[0, 0]) < 0.2
    assert given[1].tolist() == [5.0, 0.0]


def test_a_dropped_id_becomes_the_unknown_one_of_its_category() -> None:
    embedding = ItemEmbedding(CATEGORIES, 4, drop=1.0)
    torch.testing.assert_close(
        embedding(torch.tensor([4])), embedding.ids.weight[[UNKNOWN_ROW]] + embedding.kinds.kinds.weight[[1]]
    )


def test_a_type_that_training_never_saw_counts_as_the_commonest() -> None:
    when = AgeAndType(4)
    when.stand_in(np.array([0, 0, 0, EventType.PURCHASE, EventType.PURCHASE, EventType.CART], np.int32))
    assert torch.equal(when.types.weight[EventType.CLICK], when.types.weight[EventType.PURCHASE])
    assert not torch.equal(when.types.weight[EventType.CART], when.types.weight[EventType.PURCHASE])


def test_a_candidates_score_does_not_depend_on_the_other_candidates() -> None:
    dense = RANDOM.normal(size=(2, 5, 3)).astype(np.float32)
    ranker = Ranker(CATEGORIES, RANDOM.normal(size=(20, 2)).astype(np.float32), dense.reshape(-1, 3)).eval()
    user = {
        "user_dense": torch.randn(2, 2),
        "history": torch.tensor([[2, 3, 0], [0, 0, 0]], dtype=torch.int32),
        "history_type": torch.tensor([[5, 5, 0], [0, 0, 0]], dtype=torch.int32),
        "history_age": torch.tensor([[1.0, 9.0, 0.0], [0.0, 0.0, 0.0]]),
    }
    candidates = torch.tensor([[2, 3, 4, 5, 1], [5, 4, 3, 2, 0]], dtype=torch.int32)
    whole = ranker(**user, candidates=candidates, candidate_dense=torch.from_numpy(dense))
    part = ranker(**user, candidates=candidates[:, 1:3], candidate_dense=torch.from_numpy(dense[:, 1:3]))
    assert torch.isfinite(whole).all()
    torch.testing.assert_close(whole[:, 1:3], part)


def test_rescaling_a_ranker_maps_its_scores_by_a_line() -> None:
    dense = RANDOM.normal(size=(1, 3, 3)).astype(np.float32)
    ranker = Ranker(CATEGORIES, RANDOM.normal(size=(20, 2)).astype(np.float32), dense.reshape(-1, 3)).eval()
    inputs = {
        "user_dense": torch.randn(1, 2),
        "history": torch.tensor([[2, 3]], dtype=torch.int32),
        "history_type": torch.tensor([[5, 5]], dtype=torch.int32),
        "history_age": torch.tensor([[1.0, 9.0]]),
        "candidates": torch.tensor([[2, 3, 4]], dtype=torch.int32),
        "candidate_dense": torch.from_numpy(dense),
    }
    before = ranker(**inputs)
    ranker.rescale(0.5, -3.0)
    torch.testing.assert_close(ranker(**inputs), 0.5 * before - 3.0)


def test_the_loss_ignores_padding_and_falls_when_a_positive_rises() -> None:
    held = torch.tensor([[True, True, True, False]])
    labels = torch.tensor([[True, False, False, False]])
    low = list_loss(torch.tensor([[0.0, 0.0, 0.0, 50.0]]), held, labels)
    high = list_loss(torch.tensor([[3.0, 0.0, 0.0, 50.0]]), held, labels)
    torch.testing.assert_close(low, torch.tensor(3.0).log())
    assert high < low
