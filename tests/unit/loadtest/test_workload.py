"""The workload: of low rank, found by its parameters, with a measured recall, and a release that is served."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from loadtest.arrivals import user_id
from loadtest.generator.messages import LIMIT as GENERATOR_LIMIT
from loadtest.workload import LIMIT, Workload, workload
from loadtest.workload_draws import EVENTS, RANK, draw_items

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.row import UserRow
from shortlist.release.bundle import Release

_ITEMS, _USERS = 3_000, 300


@pytest.fixture(scope="module")
def work(small_workload: Workload) -> Workload:
    return small_workload


def test_vectors_are_of_low_rank_with_noise_and_directions_of_unit_length() -> None:
    directions = draw_items(5_000, 1).vectors[:, :-1].astype(np.float32)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0, atol=0.01)
    variances = np.sort(np.linalg.svd(directions, compute_uv=False) ** 2)[::-1]
    share = variances[:RANK].sum() / variances.sum()
    assert 0.9 < share < 0.96, "isotropic vectors would have 0.22 there"


def test_one_seed_gives_one_catalogue() -> None:
    assert np.array_equal(draw_items(500, 3).vectors, draw_items(500, 3).vectors)
    assert not np.array_equal(draw_items(500, 3).vectors, draw_items(500, 4).vectors)


def test_nprobe_is_the_smallest_whose_measured_recall_is_enough(work: Workload) -> None:
    release = Release.open(work.release_dir)
    index = faiss.read_index(str(release.index_path))
    assert index.nprobe == work.facts["nprobe"]
    assert work.facts["recall_at_200"] >= 0.97
    exact = faiss.IndexFlatIP(index.d)
    vectors = release.items.embeddings[FIRST_ITEM_ROW:].astype(np.float32)
    exact.add(vectors)
    queries = vectors[:300]
    nearest = exact.search(queries, 200)[1]

    def recall(nprobe: int) -> float:
        index.nprobe = nprobe
        found = index.search(queries, 200)[1]
        return float(np.mean([len(np.intersect1d(*pair)) / 200 for pair in zip(found, nearest, strict=True)]))

    assert recall(work.facts["nprobe"]) > 0.96
    assert recall(work.facts["nprobe"] // 2) < 0.97, "half of it would not do"
    assert str(work.facts["recall_at_200"])[:5] in work.describe()


def test_rows_are_user_rows_of_fifty_events_that_the_release_knows(work: Workload) -> None:
    rows = work.rows()
    assert len(rows) == work.users == _USERS
    row = UserRow.decode(rows[7].tobytes())
    known = Release.open(work.release_dir).vocabulary.rows_of_keys(np.ascontiguousarray(row.events["key"]))
    assert len(row.events) == EVENTS
    assert (known >= FIRST_ITEM_ROW).all()
    assert (np.diff(row.events["time"].astype(np.int64)) <= 0).all(), "newest first"
    assert Release.open(work.release_dir).histories().users[7] == user_id(7)


def test_what_peers_read_is_there_and_is_the_releases(work: Workload) -> None:
    files, release = work.peer_files(), Release.open(work.release_dir)
    assert all(path.exists() for path in (files.index, files.query_tower, files.ranker))
    assert np.array_equal(np.load(files.embeddings), release.items.embeddings)
    assert np.array_equal(np.load(files.keys), release.vocabulary.keys_by_row())
    ids = np.load(files.item_ids)
    assert ids[FIRST_ITEM_ROW + 5].decode() == release.vocabulary.id_of(FIRST_ITEM_ROW + 5)
    assert len(np.load(files.categories)) == len(np.load(files.columns)) == _ITEMS + FIRST_ITEM_ROW


def test_a_workload_is_made_once(work: Workload) -> None:
    before = (work.folder / "workload.json").stat().st_mtime_ns
    again = workload(_ITEMS, _USERS, root=work.folder.parent)
    assert again == work
    assert (work.folder / "workload.json").stat().st_mtime_ns == before


def test_the_generator_asks_for_as_many_items_as_the_workload_says() -> None:
    assert GENERATOR_LIMIT == LIMIT


def test_an_unfinished_one_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(folder: Path, *_: int) -> None:
        (folder / "rows.npy").write_bytes(b"half")
        raise OSError("no room left")

    monkeypatch.setattr("loadtest.workload.build", fails)
    with pytest.raises(OSError, match="no room"):
        workload(10, 10, root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".workload.lock"]
