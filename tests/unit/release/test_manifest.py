import pytest
from pydantic import ValidationError

from shortlist.release.manifest import Manifest
from support.tiny_release import manifest


def test_a_manifest_survives_json() -> None:
    assert Manifest.model_validate_json(manifest().model_dump_json()) == manifest()


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        manifest().id = "other"  # type: ignore[misc]


@pytest.mark.parametrize("release_id", ["", "-a", "A", "a/b", "a b", "a" * 129])
def test_an_id_that_could_not_be_a_directory_or_a_model_is_refused(release_id: str) -> None:
    with pytest.raises(ValidationError):
        manifest(release_id)


@pytest.mark.parametrize("release_id", ["a", "demo-2024.1", "0" * 128])
def test_an_id_of_small_letters_digits_dots_and_dashes_is_fine(release_id: str) -> None:
    assert manifest(release_id).id == release_id
