"""How well items without any training event are placed: by their content alone, next to popularity.

Such an item has no popularity of its own. That of its most popular category, the mean number of buyers of the items in
it, stands in; a list at random is the floor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from shortlist.core.arrays import F32, F64, I32
from shortlist.core.types import FIRST_ITEM_ROW, PADDING_ROW
from shortlist.features.content import ContentMap
from shortlist.offline.baselines import POPULARITY
from shortlist.offline.catalogues import texts_of
from shortlist.offline.content import fit_content
from shortlist.offline.exams import Exam
from shortlist.offline.interactions import POSITIVE_TYPES
from shortlist.offline.item_sets import ItemSets
from shortlist.offline.metrics import ndcg_at
from shortlist.offline.requests import all_users_at
from shortlist.offline.text import TextKind, fit_text
from shortlist.release.bundle import Release
from shortlist.release.vocabulary import Vocabulary
from shortlist.retrieval.tower import QueryTower

BY_CONTENT, AT_RANDOM = "by content", "at random"
COMPARED = (BY_CONTENT, POPULARITY, AT_RANDOM)
READINGS: Mapping[str, TextKind | None] = {
    "categories alone": None,
    "bag of words": "bag of words",
    "words and n-grams": "TF-IDF of words and n-grams",
}
_SHOWN = 10
_SEED = 1
_BATCH = 256


@dataclass(frozen=True, slots=True)
class NewItems:
    """N items that were first bought after a cut, and U users known before it who bought some.

    Args:
        texts: N.
        categories: (N, levels) int32, numbered as in the release; what training does not know is left out.
        users: (U,) codes, ascending.
        relevant: For each user the places of the items bought.
    """

    texts: tuple[str, ...]
    categories: I32
    users: I32
    relevant: ItemSets

    @classmethod
    def of(cls, exam: Exam, release: Release) -> "NewItems | None":
        """Find them; None where there are none, or nobody to ask."""
        split = exam.split
        first = exam.log.events.group_by("item").agg(pl.col("time").min())
        ids = first.filter(pl.col("time") >= split.cut_s)["item"].sort()
        users = pl.DataFrame({"user": split.interactions.user_ids, "code": np.arange(len(split.interactions.user_ids))})
        places = pl.DataFrame({"item": ids, "place": np.arange(len(ids))})
        bought = (
            split.later.events.filter(pl.col("type").is_in(POSITIVE_TYPES))
            .join(places, on="item")
            .join(users, on="user")
            .select("code", "place")
            .unique()
        )
        if bought.is_empty():
            return None
        codes, owners = np.unique(bought["code"].to_numpy(), return_inverse=True)
        items = pl.DataFrame({"item": ids}).join(exam.log.items, on="item", how="left", maintain_order="left")
        return cls(
            texts_of(exam.log.items, Vocabulary.build(ids))[FIRST_ITEM_ROW:],
            _categories(items["categories"], release),
            codes.astype(np.int32),
            ItemSets.from_pairs(owners, bought["place"].to_numpy(), len(codes)),
        )


def new_item_quality(release: Release, exam: Exam) -> dict[str, float]:
    """Measure NDCG@10 among the new items alone; nothing where none are.

    Args:
        release: Trained on what lies before the exam's cut.
        exam: What came after.

    Returns:
        By content as the release places them, by popularity and at random; by content with other readings of the texts
        (`READINGS`); and how many items and users there are.
    """
    found = NewItems.of(exam, release)
    if found is None or not release.manifest.has_content_map:
        return {}
    queries = _queries(release, exam, found.users)
    maps = {BY_CONTENT: ContentMap.from_arrays(release.content_arrays())} | {
        name: _content_map(kind, release, exam) for name, kind in READINGS.items()
    }
    lists: dict[str, F32 | F64] = {
        name: queries @ content.embed(found.texts, found.categories).T for name, content in maps.items()
    }
    shape = (len(found.users), len(found.texts))
    lists[POPULARITY] = np.tile(_popularity(exam, release, found.categories), (shape[0], 1))
    lists[AT_RANDOM] = np.random.default_rng(_SEED).random(shape)
    measured = {name: _ndcg(scores, found.relevant) for name, scores in lists.items()}
    return measured | {"items": float(shape[1]), "users": float(shape[0])}


def _content_map(kind: TextKind | None, release: Release, exam: Exam) -> ContentMap:
    texts, rows = exam.split.texts, release.vocabulary.row_count
    encoder = fit_text(texts[FIRST_ITEM_ROW:], release.manifest.seed, kind)
    embeddings = release.items.embeddings
    return fit_content(encoder, encoder.encode(texts), release.catalogue.categories, embeddings, rows)


def _ndcg(scores: F32 | F64, relevant: ItemSets) -> float:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :_SHOWN].astype(np.int32)
    return float(ndcg_at(_SHOWN, relevant.contain(best), relevant.sizes).mean())


def _queries(release: Release, exam: Exam, users: I32) -> F32:
    manifest = release.manifest
    spec, length = manifest.query_tower, manifest.features.history_length
    tower = QueryTower(release.path / spec.file, spec, release.items.embeddings, length)
    requests = all_users_at(exam.split.interactions, exam.split.cut_s)
    requests = requests.take(np.isin(requests.users, users))
    parts = [requests.take(slice(start, start + _BATCH)) for start in range(0, len(requests), _BATCH)]
    return np.concatenate([tower.embed(part.history, part.user_dense) for part in parts])


def _popularity(exam: Exam, release: Release, categories: I32) -> F64:
    """Give each new item the mean number of buyers of its most popular category."""
    known = release.catalogue.categories
    buyers = np.bincount(exam.split.interactions.bought()[1], minlength=len(known)).astype(np.float64)
    names = len(release.catalogue.category_names)
    total = np.bincount(known.ravel(), np.repeat(buyers, known.shape[1]), names)
    mean = total / np.maximum(np.bincount(known.ravel(), minlength=names), 1)
    mean[PADDING_ROW] = 0.0
    best: F64 = mean[categories].max(axis=1, initial=0.0)
    return best


def _categories(listed: pl.Series, release: Release) -> I32:
    numbers = {name: number for number, name in enumerate(release.catalogue.category_names)}
    levels = release.catalogue.categories.shape[1]
    categories = np.zeros((len(listed), levels), np.int32)
    for place, names in enumerate(listed.to_list()):
        known = [numbers[name] for name in names or () if name in numbers][:levels]
        categories[place, : len(known)] = known
    return categories
