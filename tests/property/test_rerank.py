"""Re-ranked slates: what rules promise holds in every one, and diversity is that of the formula, item by item."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.arrays import F32, Bool
from shortlist.core.rerank import rerank
from shortlist.core.rules import NO_RULES, RowRules
from shortlist.core.topk import top_k
from support.row_rules import rules_over

ROWS, DIMENSION = 24, 4
DRAWN = st.integers(2, ROWS - 1)
GROUPED = st.dictionaries(DRAWN, st.integers(1, 4), max_size=ROWS)
SIZES = st.tuples(st.integers(1, 4), st.integers(1, ROWS - 2))
SEEDS = st.integers(0, 1 << 30)


@st.composite
def ruled(draw: st.DrawFn) -> RowRules:
    """Draw rules that do not contradict each other: pins have places of their own, and keep every cap."""
    pinned = draw(st.lists(DRAWN, max_size=4, unique=True))
    places = draw(st.lists(st.integers(0, 12), min_size=len(pinned), max_size=len(pinned), unique=True))
    caps = []
    for grouped in draw(st.lists(GROUPED, max_size=3)):
        counted = Counter(grouped[row] for row in pinned if row in grouped)
        caps.append((max(draw(st.integers(1, 3)), *counted.values(), 1), grouped))
    return rules_over(
        ROWS,
        buried=draw(st.lists(DRAWN, max_size=6, unique=True)),
        pins=dict(zip(pinned, places, strict=True)),
        caps=caps,
    )


class Batch:
    """Requests drawn from a seed: candidates, scores with ties, limits, and directions with some that are 0."""

    def __init__(self, seed: int, size: tuple[int, int]) -> None:
        random = np.random.default_rng(seed)
        requests, width = size
        self.rows = np.stack([random.permutation(np.arange(2, ROWS))[:width] for _ in range(requests)]).astype(np.int32)
        self.rows *= random.random(self.rows.shape) < 0.9
        self.valid: Bool = self.rows > 0
        self.scores: F32 = random.integers(-6, 3, size).astype(np.float32) / 2
        self.limits = random.integers(1, 2 * width + 1, requests)
        self.diversity: F32 = (random.random(requests) * random.integers(0, 2, requests)).astype(np.float32)
        vectors = random.normal(size=(*size, DIMENSION)) * (random.random(size) < 0.9)[..., None]
        lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
        self.vectors: F32 = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)

    def slates(self, rules: RowRules) -> list[list[int]]:
        """Re-rank; the columns of each slate."""
        ruled_rows = np.zeros_like(self.rows) if rules is NO_RULES else self.rows
        vectors = self.vectors[self.diversity > 0].transpose(0, 2, 1)
        order, counts = rerank(ruled_rows, self.scores, self.valid, self.limits, rules, self.diversity, vectors)
        return [listed[:count].tolist() for listed, count in zip(order, counts.tolist(), strict=True)]


@given(ruled(), SEEDS, SIZES)
def test_a_slate_holds_valid_items_once_and_no_more_than_asked_for(
    rules: RowRules, seed: int, size: tuple[int, int]
) -> None:
    batch = Batch(seed, size)
    for request, slate in enumerate(batch.slates(rules)):
        assert len(slate) == len(set(slate)) <= batch.limits[request]
        assert batch.valid[request, slate].all()


@given(ruled(), SEEDS, SIZES)
def test_every_cap_holds_in_every_slate(rules: RowRules, seed: int, size: tuple[int, int]) -> None:
    batch = Batch(seed, size)
    for request, slate in enumerate(batch.slates(rules)):
        for cap, most in enumerate(rules.most.tolist()):
            groups = Counter(rules.groups[batch.rows[request, slate], cap].tolist())
            del groups[0]
            assert max(groups.values(), default=0) <= most


@given(ruled(), SEEDS, SIZES)
def test_every_pinned_item_stands_at_its_place_or_at_the_end_of_a_shorter_slate(
    rules: RowRules, seed: int, size: tuple[int, int]
) -> None:
    batch = Batch(seed, size)
    for request, slate in enumerate(batch.slates(rules)):
        listed = batch.rows[request, slate].tolist()
        held = {
            int(rules.places[row]): row
            for row in batch.rows[request, batch.valid[request]].tolist()
            if 0 <= rules.places[row] < batch.limits[request]
        }
        free = len(listed) - len(held)
        beyond = []
        for place in sorted(held):
            # A pin is reached where the places before it are filled by free items and earlier pins.
            if place < free + len([other for other in held if other < place]) + 1 and not beyond:
                assert listed[place] == held[place]
            else:
                beyond.append(held[place])
        assert listed[len(listed) - len(beyond) :] == beyond


@given(ruled(), SEEDS, SIZES)
def test_nothing_stands_after_what_is_buried_but_pins_and_what_is_buried(
    rules: RowRules, seed: int, size: tuple[int, int]
) -> None:
    batch = Batch(seed, size)
    for request, slate in enumerate(batch.slates(rules)):
        free = [
            row for row in batch.rows[request, slate].tolist() if not 0 <= rules.places[row] < batch.limits[request]
        ]
        is_buried = rules.is_buried[free].tolist()
        assert is_buried == sorted(is_buried)


@given(ruled(), SEEDS, SIZES)
def test_a_slate_that_is_short_leaves_out_only_what_a_cap_forbids(
    rules: RowRules, seed: int, size: tuple[int, int]
) -> None:
    batch = Batch(seed, size)
    for request, slate in enumerate(batch.slates(rules)):
        left = sorted(set(np.flatnonzero(batch.valid[request]).tolist()) - set(slate))
        if len(slate) == batch.limits[request]:
            continue
        for row in batch.rows[request, left].tolist():
            taken = rules.groups[batch.rows[request, slate]]
            full = [
                rules.groups[row, cap] and (taken[:, cap] == rules.groups[row, cap]).sum() >= most
                for cap, most in enumerate(rules.most.tolist())
            ]
            assert any(full)


@given(SEEDS, SIZES)
def test_without_rules_and_diversity_slates_are_the_top_k(seed: int, size: tuple[int, int]) -> None:
    batch = Batch(seed, size)
    batch.diversity[:] = 0.0
    order, counts = top_k(batch.scores, batch.valid, int(batch.limits.max()))
    for request, slate in enumerate(batch.slates(NO_RULES)):
        assert slate == order[request, : min(counts[request], batch.limits[request])].tolist()


@given(SEEDS, SIZES)
def test_each_item_has_the_largest_marginal_relevance_of_those_that_are_left(seed: int, size: tuple[int, int]) -> None:
    batch = Batch(seed, size)
    for request, slate in enumerate(batch.slates(NO_RULES)):
        share = float(batch.diversity[request])
        left = np.flatnonzero(batch.valid[request]).tolist()
        assert len(slate) == min(len(left), batch.limits[request])
        if share == 0.0 or not left:
            continue
        scores, vectors = batch.scores[request].astype(float), batch.vectors[request].astype(float)
        best = max(scores[left])
        for place, column in enumerate(slate):
            values = {
                other: (1 - share) * np.exp(scores[other] - best)
                - share * max((vectors[other] @ vectors[above] for above in slate[:place]), default=0.0)
                for other in left
            }
            assert values[column] >= max(values.values()) - 1e-5
            left.remove(column)
