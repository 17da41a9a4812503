from dataclasses import replace
from typing import Any

import pytest

from shortlist.core.errors import ReleaseRefusedError
from shortlist.gateway.schema import check_schema
from shortlist.release.bundle import Release
from shortlist.release.manifest import ModelSpec, TensorSpec
from support.tiny_release import HISTORY_LENGTH, SOURCES


def changed(release: Release, part: str, **fields: Any) -> Release:
    """Change fields of a part of the manifest."""
    manifest = release.manifest
    return replace(
        release,
        manifest=manifest.model_copy(update={part: getattr(manifest, part).model_copy(update=fields)}),
    )


def inputs_with(spec: ModelSpec, tensor: TensorSpec) -> tuple[TensorSpec, ...]:
    """Add or replace an input."""
    return (*(held for held in spec.inputs if held.name != tensor.name), tensor)


def tensor(name: str, *shape: int) -> TensorSpec:
    """Describe a tensor."""
    return TensorSpec(name=name, dtype="float32", shape=shape)


def refusal(release: Release) -> str:
    """Say why a release is refused."""
    with pytest.raises(ReleaseRefusedError) as caught:
        check_schema(release, SOURCES)
    return caught.value.reason


def test_a_release_of_this_version_fits(tiny_release: Release) -> None:
    check_schema(tiny_release, SOURCES)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("sources", ("tower", "popular")),
        ("sources", ("neighbours", "tower", "popular")),
        ("user_dense", ("log_events",)),
        ("candidate_dense", ("tower_score",)),
        ("item_columns", ("log_price", "log_popularity", "stock")),
    ],
)
def test_features_under_other_names_or_in_another_order_are_refused(
    tiny_release: Release, field: str, names: tuple[str, ...]
) -> None:
    assert "served are" in refusal(changed(tiny_release, "features", **{field: names}))


@pytest.mark.parametrize("part", ["query_tower", "ranker"])
def test_a_model_that_takes_what_nobody_gives_is_refused(tiny_release: Release, part: str) -> None:
    inputs = inputs_with(getattr(tiny_release.manifest, part), tensor("weather", 1))
    reason = refusal(changed(tiny_release, part, inputs=inputs))
    assert reason == f"the {part.replace('_', ' ')} takes weather, which is not served"


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("query_tower", tensor("history_embedding", HISTORY_LENGTH, 8)),
        ("query_tower", tensor("history_mask", HISTORY_LENGTH + 1)),
        ("ranker", tensor("user_dense", 4)),
        ("ranker", tensor("history", HISTORY_LENGTH - 1)),
        ("ranker", tensor("candidates", 200)),
        ("ranker", tensor("candidate_dense", -1, 7)),
    ],
)
def test_a_model_that_takes_a_tensor_of_another_shape_is_refused(
    tiny_release: Release, part: str, other: TensorSpec
) -> None:
    inputs = inputs_with(getattr(tiny_release.manifest, part), other)
    assert f"takes {other.name} of shape {other.shape}, not" in refusal(changed(tiny_release, part, inputs=inputs))


@pytest.mark.parametrize("name", ["candidates", "candidate_dense"])
def test_a_ranker_that_sees_no_candidates_is_refused(tiny_release: Release, name: str) -> None:
    inputs = tuple(held for held in tiny_release.manifest.ranker.inputs if held.name != name)
    assert refusal(changed(tiny_release, "ranker", inputs=inputs)) == f"the ranker does not take {name}"


def test_a_model_may_take_less_than_it_is_given(tiny_release: Release) -> None:
    inputs = tuple(held for held in tiny_release.manifest.ranker.inputs if held.name.startswith("candidate"))
    check_schema(changed(tiny_release, "ranker", inputs=inputs), SOURCES)
