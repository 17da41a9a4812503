import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from shortlist.core.arrays import AnyArray
from shortlist.core.errors import InputError, ReleaseRefusedError
from shortlist.release.bundle import Release, seal, verify, written_beside
from shortlist.release.manifest import MANIFEST_NAME, Manifest
from support.tiny_release import CANDIDATES, ITEMS, USERS, item_id, manifest

FILES = (
    "catalogue.npz",
    "items.faiss",
    "items.npz",
    "query_tower.onnx",
    "ranker.onnx",
    "users.npz",
    "vocabulary.npz",
)


@pytest.fixture
def copied(tiny_release: Release, tmp_path: Path) -> Path:
    """Copy the release to where a test may damage it."""
    return Path(shutil.copytree(tiny_release.path, tmp_path / "release"))


def refusal(path: Path) -> str:
    """Open a release that must be refused, and say why it is."""
    with pytest.raises(ReleaseRefusedError) as caught:
        Release.open(path)
    assert caught.value.path == path
    return caught.value.reason


def edit_manifest(path: Path, **fields: object) -> None:
    """Change fields of the manifest, and its checksum with them where it is still a manifest."""
    file = path / MANIFEST_NAME
    content = json.loads(file.read_text()) | fields
    with suppress(ValidationError):
        content["checksum"] = Manifest.model_validate(content).own_checksum()
    file.write_text(json.dumps(content))


def replace_arrays(path: Path, name: str, **arrays: AnyArray) -> None:
    """Change arrays of a file and seal the release again, as a faulty builder would."""
    with np.load(path / name) as archive:
        held = dict(archive)
    np.savez_compressed(path / name, **(held | arrays))
    seal(path, manifest())


def test_a_whole_release_opens(tiny_release: Release) -> None:
    assert tiny_release.id == "tiny"
    assert tiny_release.manifest.item_count == ITEMS
    assert tiny_release.vocabulary.id_of(2) == item_id(0)
    assert len(tiny_release.histories()) == USERS


def test_its_paths_are_those_of_files_in_its_directory(tiny_release: Release) -> None:
    paths = (tiny_release.index_path, tiny_release.query_tower_path, tiny_release.ranker_path)
    assert [path.name for path in paths] == ["items.faiss", "query_tower.onnx", "ranker.onnx"]
    assert all(path.is_file() for path in paths)


def test_sealing_lists_every_file(tiny_release: Release) -> None:
    assert tuple(tiny_release.manifest.files) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_release_without_one_of_its_files_is_refused(copied: Path, name: str) -> None:
    (copied / name).unlink()
    assert refusal(copied) == f"{name} cannot be read: No such file or directory"


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(copied: Path, name: str) -> None:
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-1])
    assert refusal(copied).startswith(f"{name} is damaged")


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_refused(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 0x10
    (copied / name).write_bytes(content)
    assert refusal(copied).startswith(f"{name} is damaged")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_the_manifest_does_not_list_is_refused(copied: Path, name: str) -> None:
    listed = json.loads((copied / MANIFEST_NAME).read_text())["files"]
    edit_manifest(copied, files={other: entry for other, entry in listed.items() if other != name})
    assert refusal(copied) == f"the manifest does not list {name}"


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{MANIFEST_NAME} cannot be read: No such file or directory"


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert refusal(path) == f"{MANIFEST_NAME} cannot be read: Not a directory"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null"])
def test_a_manifest_that_is_no_object_is_refused(copied: Path, content: bytes) -> None:
    (copied / MANIFEST_NAME).write_bytes(content)
    assert refusal(copied).startswith(f"{MANIFEST_NAME} is invalid: document: ")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"format": 1}, "format"),
        ({"colour": "red"}, "colour"),
        ({"id": "../tiny"}, "id"),
        ({"item_count": 0}, "item_count"),
        ({"candidates": 100_000}, "candidates"),
        ({"created": "yesterday"}, "created"),
        ({"files": {"items.npz": {"size_bytes": 1, "sha256": "no"}}}, "files.items.npz.sha256"),
        ({"ranker": None}, "ranker"),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused_by_its_name(
    copied: Path, fields: dict[str, object], place: str
) -> None:
    edit_manifest(copied, **fields)
    assert refusal(copied).startswith(f"{MANIFEST_NAME} is invalid: {place}: ")


def test_an_item_count_that_is_not_the_vocabularys_is_refused(copied: Path) -> None:
    edit_manifest(copied, item_count=ITEMS + 1)
    assert refusal(copied) == "the manifest counts 121 items, the vocabulary 120"


def test_a_dimension_that_is_not_the_embeddings_is_refused(copied: Path) -> None:
    edit_manifest(copied, embedding_dimension=8)
    assert refusal(copied) == "embeddings has shape (122, 16), expected (122, 8)"


ROWS = ITEMS + 2


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"columns": np.zeros((ROWS, 3), np.float32)}, "columns has shape"),
        ({"embeddings": np.zeros((ROWS - 1, 16), np.float16)}, "embeddings has shape"),
        ({"columns": np.full((ROWS, 2), np.nan, np.float32)}, "not finite"),
        ({"embeddings": np.full((ROWS, 16), np.inf, np.float16)}, "not finite"),
        ({"neighbour_rows": np.zeros((1, ROWS, 3), np.int32)}, "neighbour_rows has shape"),
        ({"neighbour_weights": np.zeros(ROWS, np.float16)}, ""),
        ({"neighbour_rows": np.full((1, ROWS, 8), ROWS, np.int32)}, "neighbour_rows point outside"),
        ({"neighbour_rows": np.full((1, ROWS, 8), -1, np.int32)}, "neighbour_rows point outside"),
        ({"popular": np.array([2, ROWS], np.int32)}, "popular point outside"),
        ({"popular": np.array([0, 2], np.int32)}, "popular point outside"),
        ({"popular": np.array([1, 2], np.int32)}, "popular point outside"),
        ({"popular": np.array([2, 3, 2], np.int32)}, "popular repeats"),
        ({"surplus": np.zeros(1)}, "surplus"),
    ],
)
def test_item_arrays_that_do_not_fit_are_refused(copied: Path, arrays: dict[str, AnyArray], reason: str) -> None:
    replace_arrays(copied, "items.npz", **arrays)
    assert reason in refusal(copied)


def test_prices_of_another_number_of_rows_are_refused(copied: Path) -> None:
    replace_arrays(copied, "catalogue.npz", prices=np.zeros(ROWS - 1, np.float32))
    assert refusal(copied) == "catalogue is inconsistent"


@pytest.mark.parametrize("row", [0, 1, ROWS, -1])
def test_histories_of_items_that_there_are_not_are_refused(copied: Path, row: int) -> None:
    with np.load(copied / "users.npz") as archive:
        rows = archive["rows"]
    rows[5] = row
    replace_arrays(copied, "users.npz", rows=rows)
    with pytest.raises(ReleaseRefusedError, match="users point outside the catalogue"):
        Release.open(copied).histories()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"], ids=["empty", "text", "broken zip"])
@pytest.mark.parametrize("name", ["vocabulary.npz", "catalogue.npz", "items.npz"])
def test_a_sealed_file_that_holds_no_arrays_is_refused(copied: Path, name: str, content: bytes) -> None:
    (copied / name).write_bytes(content)
    seal(copied, manifest())
    refusal(copied)


def test_verifying_reads_the_manifest_and_nothing_into_memory(tiny_release: Release) -> None:
    assert verify(tiny_release.path).candidates == CANDIDATES


def test_a_release_is_never_overwritten(tiny_release: Release) -> None:
    with pytest.raises(InputError, match="never overwritten"), written_beside(tiny_release.path):
        pass


def test_a_release_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "release"
    with written_beside(out) as folder:
        (folder / "part").touch()
        assert not out.exists()
    assert (out / "part").exists()
    assert list(out.parent.iterdir()) == [out]


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "release"

    def fail() -> None:
        with written_beside(out) as folder:
            (folder / "part").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file cannot be written"), written_beside(tmp_path / "file" / "release"):
        pass


@pytest.mark.parametrize("change", [lambda text: text, lambda text: text.replace("  ", "")])
def test_how_the_manifest_is_laid_out_does_not_matter(copied: Path, change: Callable[[str], str]) -> None:
    file = copied / MANIFEST_NAME
    file.write_text(change(file.read_text()))
    assert Release.open(copied).id == "tiny"


def test_a_manifest_that_was_changed_by_hand_is_refused(copied: Path) -> None:
    file = copied / MANIFEST_NAME
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"exclude_seen": not content["exclude_seen"]}))
    assert refusal(copied) == "manifest.json is damaged: its checksum is not that of its contents"


@pytest.mark.parametrize("name", ["../ranker.onnx", "/etc/ranker.onnx", ".hidden"])
def test_a_path_out_of_the_release_is_refused(copied: Path, name: str) -> None:
    listed = json.loads((copied / MANIFEST_NAME).read_text())["files"]
    edit_manifest(copied, files=listed | {name: listed["items.faiss"]})
    assert refusal(copied).startswith("manifest.json is invalid: files.")
