"""The tiny release, taken apart into the files of somebody who never had one, and put together by the import."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import Query
from shortlist.gateway.schema import check_schema
from shortlist.offline.imports.models import ranker_inputs, tower_inputs
from shortlist.offline.imports.release import import_release
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import Release, verify
from shortlist.release.manifest import TensorSpec
from support.own_models import OwnFiles, own_files, write_ranker, write_tower
from support.pipelines import kitchen
from support.tiny_release import CANDIDATES, DIMENSION, ITEM_COLUMNS, LOG_END_S, SOURCES, user_row

DENSE = candidate_dense_names(SOURCES, ITEM_COLUMNS)
_ONNX_TYPES = {"float32": "float", "int32": "int32"}


def _declared(spec: TensorSpec) -> tuple[str, list[int | str]]:
    return _ONNX_TYPES[spec.dtype], ["batch", *("candidates" if size < 0 else size for size in spec.shape)]


@pytest.fixture(scope="module")
def files(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> OwnFiles:
    return own_files(tiny_release, tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def imported(files: OwnFiles, tmp_path_factory: pytest.TempPathFactory) -> Release:
    return import_release(**asdict(files), out=tmp_path_factory.mktemp("imported") / "own", name="own")


def test_an_import_answers_as_the_release_that_its_files_are_of(imported: Release, tiny_release: Release) -> None:
    rows = {"tea": user_row([0, 6, 12]), "lamps": user_row([3, 9]), "mixed": user_row([4, 1, 2])}
    # The tiny release ranks fewer candidates than an import, and what a source did not propose has the rank after them.
    same_width = imported.manifest.model_copy(update={"candidates": CANDIDATES})
    own, tiny = kitchen(replace(imported, manifest=same_width), rows), kitchen(tiny_release, rows)
    queries = [*(Query(user, 20) for user in rows), Query("somebody-new", 20)]
    for answered, expected in zip(own.run(*queries), tiny.run(*queries), strict=True):
        assert own.ids(answered) == tiny.ids(expected)
        assert answered.ranker == expected.ranker
        np.testing.assert_allclose(answered.scores, expected.scores, rtol=1e-3)


def test_an_import_holds_what_the_files_say(imported: Release, tiny_release: Release) -> None:
    verify(imported.path)
    check_schema(imported, SOURCES)
    assert imported.id.startswith("own-")
    assert imported.manifest.notes == ()
    assert imported.manifest.trained_until.timestamp() == tiny_release.histories().times.max() + 1
    assert imported.manifest.features == tiny_release.manifest.features
    for name in ("embeddings", "columns"):
        np.testing.assert_array_equal(getattr(imported.items, name), getattr(tiny_release.items, name))
    np.testing.assert_array_equal(imported.items.popular[:20], tiny_release.items.popular[:20])
    assert list(imported.catalogue.titles) == list(tiny_release.catalogue.titles)
    np.testing.assert_array_equal(imported.catalogue.prices, tiny_release.catalogue.prices)
    assert imported.catalogue.categories_of(9) == tiny_release.catalogue.categories_of(9)


def test_without_users_and_neighbours_an_import_serves_all_the_same_and_says_so(
    files: OwnFiles, tmp_path: Path
) -> None:
    tower = write_tower(tmp_path / "tower.onnx", DIMENSION)
    ranker = write_ranker(tmp_path / "ranker.onnx", len(DENSE))
    release = import_release(files.items, tower, ranker, tmp_path / "own")
    check_schema(release, SOURCES)
    assert len(release.histories()) == 0
    assert release.manifest.features.history_length == 50
    assert [note for note in release.manifest.notes if note.startswith("no users")]
    slate = kitchen(release, {"tea": user_row([0, 6, 12], LOG_END_S)}).one(Query("tea", 10))
    assert len(slate.rows) == 10


def test_models_may_take_every_tensor_of_the_contract(files: OwnFiles, tmp_path: Path) -> None:
    every = {"tower": tower_inputs(20, DIMENSION), "ranker": ranker_inputs(20, DENSE)}
    inputs = {
        model: {
            spec.name: (
                _ONNX_TYPES[spec.dtype],
                ["batch", *("candidates" if size < 0 else size for size in spec.shape)],
            )
            for spec in specs
        }
        for model, specs in every.items()
    }
    tower = write_tower(tmp_path / "tower.onnx", DIMENSION, inputs=inputs["tower"])
    ranker = write_ranker(tmp_path / "ranker.onnx", len(DENSE), inputs=inputs["ranker"])
    release = import_release(files.items, tower, ranker, tmp_path / "own")
    check_schema(release, SOURCES)
    assert release.manifest.query_tower.inputs == every["tower"]
    assert release.manifest.ranker.inputs == every["ranker"]
    assert kitchen(release, {"tea": user_row([0, 6])}).one(Query("tea", 5)).ranker == "onnxruntime"


def test_what_is_refused_leaves_nothing_behind(files: OwnFiles, tmp_path: Path) -> None:
    ranker = write_ranker(tmp_path / "ranker.onnx", len(DENSE) + 1)
    with pytest.raises(InputError, match="candidate_dense"):
        import_release(files.items, files.query_tower, ranker, tmp_path / "own")
    assert list(tmp_path.iterdir()) == [ranker]


def test_a_folder_that_exists_is_never_overwritten(files: OwnFiles, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is never overwritten"):
        import_release(files.items, files.query_tower, files.ranker, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "Own", "a/b", "-own", "a" * 65])
def test_a_name_that_is_no_id_is_refused(files: OwnFiles, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="--name must match"):
        import_release(files.items, files.query_tower, files.ranker, tmp_path / "own", name=name)
