"""`shortlist index tune`: recall against latency of a release's index, and a new release that searches by the choice.

The users are the release's own, embedded as they stood at the end of the log. The choice is the first setting that
reaches the recall, never the fastest: a clock would choose otherwise on another day.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import faiss
import numpy as np

from shortlist.core.arrays import F32
from shortlist.core.errors import InputError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.encode import encode_histories, encode_user_dense
from shortlist.features.row import MAX_EVENTS
from shortlist.features.seed import user_rows
from shortlist.offline.index_choice import choose_index
from shortlist.offline.index_settings import Setting, apply, current, settings_of
from shortlist.offline.index_tuning import MOST_QUERIES, Exam
from shortlist.offline.line_chart import line_chart
from shortlist.offline.markup import document, element, number, table
from shortlist.release.bundle import INDEX_NAME, Release, seal, written_beside
from shortlist.retrieval.cpu import read_index
from shortlist.retrieval.tower import QueryTower

EVIDENCE_NAME, PAGE_NAME = "index_tuning.json", "index_tuning.html"


@dataclass(frozen=True, slots=True)
class TriedSetting:
    """What one setting found, and the median time of a query on one thread."""

    setting: Setting
    recall_at_200: float
    microseconds: float

    @property
    def words(self) -> str:
        """The setting in words."""
        return ", ".join(f"{name} {value:g}" for name, value in self.setting.items()) or "exact"


def tune(path: Path, out: Path, *, least_recall: float) -> Iterator[str]:
    """Tune the index of a release, tell the curve line by line, and write the new release.

    A flat index has nothing to set: then the curve is that of inverted lists over the same items, and nothing is
    written.

    Args:
        path: The release.
        out: The new release's directory; must not exist.
        least_recall: Share of the 200 nearest to find, for users and for items alike.

    Raises:
        ReleaseRefusedError: the release is damaged.
        InputError: `out` exists, or no setting finds as much.
    """
    release = Release.open(path)
    index = read_index(release.index_path, release.manifest.embedding_dimension, release.manifest.item_count)
    # What is timed is one thread, as it is served.
    faiss.omp_set_num_threads(1)
    if next(settings_of(index), None) is None:
        yield from _instead_of_flat(release)
        return
    with written_beside(out) as folder:
        vectors = release.items.embeddings[FIRST_ITEM_ROW:].astype(np.float32)
        exact = faiss.IndexFlatIP(vectors.shape[1])
        exact.add(vectors)
        exam = Exam(exact, vectors, user_queries(release), release.manifest.seed)
        before = current(index)
        tried = list(_curve(index, exam, least_recall))
        for point in tried:
            yield f"{point.words}: recall@200 {point.recall_at_200:.4f}, {point.microseconds:.0f} us"
        chosen = tried[-1]
        if chosen.recall_at_200 < least_recall:
            best = max(tried, key=lambda point: point.recall_at_200)
            raise InputError(
                f"{path}: no setting of its {type(index).__name__} finds {least_recall:.1%} of the 200 nearest; "
                f"{best.words} finds {best.recall_at_200:.1%}"
            )
        _write(release, index, _Choice(least_recall, before, tried, exam.microseconds(exact)), folder)
    yield f"{Release.open(out).id}: {chosen.words}, was {TriedSetting(before, 0.0, 0.0).words}; see {out / PAGE_NAME}"


def user_queries(release: Release) -> F32:
    """Embed up to 256 of the release's users as they stood at the end of the log: (q, D) float32."""
    manifest = release.manifest
    histories, end_s = release.histories(), manifest.trained_until.timestamp()
    stride = max(1, len(histories) // MOST_QUERIES)
    stored = user_rows(histories, release.vocabulary, end_s, end_s)
    rows = [row for _, row in islice(stored, 0, stride * MOST_QUERIES, stride)]
    if not rows:
        return np.zeros((0, manifest.embedding_dimension), np.float32)
    now_s = np.full(len(rows), end_s)
    history = encode_histories(rows, [()] * len(rows), release.vocabulary, now_s, MAX_EVENTS)
    tower = QueryTower(
        release.query_tower_path, manifest.query_tower, release.items.embeddings, manifest.features.history_length
    )
    return tower.embed(history, encode_user_dense(rows, history, now_s))


@dataclass(frozen=True, slots=True)
class _Choice:
    """The evidence; the last setting tried is the chosen one."""

    least_recall: float
    before: Setting
    tried: Sequence[TriedSetting]
    exact_microseconds: float


def _curve(index: faiss.Index, exam: Exam, least_recall: float) -> Iterator[TriedSetting]:
    """Try settings up to the first that finds enough; the index stays set to the last."""
    for setting in settings_of(index):
        apply(index, setting)
        point = TriedSetting(setting, exam.recall(index), exam.microseconds(index))
        yield point
        if point.recall_at_200 >= least_recall:
            return


def _instead_of_flat(release: Release) -> Iterator[str]:
    chosen = choose_index(release.items.embeddings, user_queries(release), seed=release.manifest.seed, exact_up_to=0)
    yield f"{release.id}: its index is searched exactly: there is nothing to choose, and nothing is written."
    yield "Inverted lists would give:"
    for point in chosen.curve:
        lists = f"nprobe {point.nprobe}" if point.nprobe else "exact"
        yield f"{point.kind}, {lists}: recall@200 {point.recall_at_200:.4f}, {point.microseconds:.0f} us"


def _write(release: Release, index: faiss.Index, choice: _Choice, folder: Path) -> None:
    """Write a release that differs in its index, its id and the evidence."""
    for name in release.manifest.files:
        if name != INDEX_NAME:
            shutil.copyfile(release.path / name, folder / name)
    faiss.write_index(index, str(folder / INDEX_NAME))
    digest = hashlib.sha256((folder / INDEX_NAME).read_bytes()).hexdigest()[:6]
    tuned_id = f"{release.id[:120]}-{digest}"
    evidence = {"release": release.id, **asdict(choice), "chosen": dict(choice.tried[-1].setting)}
    (folder / EVIDENCE_NAME).write_text(json.dumps(evidence, indent=2) + "\n")
    (folder / PAGE_NAME).write_text(_page(tuned_id, choice))
    seal(folder, release.manifest.model_copy(update={"id": tuned_id}))


def _page(release: str, choice: _Choice) -> str:
    lines = {"settings": [(point.microseconds, point.recall_at_200) for point in choice.tried]}
    told = (
        f"Queries are users of the release and items, whichever find less. The first setting that finds "
        f"{choice.least_recall:.1%} of the 200 nearest is chosen. Exact search takes "
        f"{choice.exact_microseconds:.0f} µs."
    )
    last = len(choice.tried) - 1
    rows = [
        (
            point.words,
            number(f"{point.recall_at_200:.4f}"),
            number(f"{point.microseconds:.0f}"),
            "chosen" if place == last else "",
        )
        for place, point in enumerate(choice.tried)
    ]
    body = [
        element("h1", f"{release}: index"),
        element("p", told),
        line_chart(lines, "µs a query", "recall of the 200 nearest"),
        table(("setting", "recall@200", "µs a query", ""), rows, {last}),
    ]
    return document(f"{release}: index", body)
