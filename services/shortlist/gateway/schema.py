"""Whether the models of a release take what this version gives them: known at the start, not at the first request."""

from collections.abc import Mapping, Sequence

from shortlist.core.errors import ReleaseRefusedError
from shortlist.features.encode import USER_DENSE
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import Release
from shortlist.release.manifest import ModelSpec

_NEEDED = ("candidates", "candidate_dense")
"""What every ranker takes: the shape of its scores, and what explanations show."""


def check_schema(release: Release, sources: Sequence[str]) -> None:
    """Compare the manifest's names and shapes with those served.

    Args:
        release: The release.
        sources: Names of the sources that are served, in order.

    Raises:
        ReleaseRefusedError: they differ; it names the first that does.
    """
    schema = release.manifest.features
    names = {
        "sources": (schema.sources, tuple(sources)),
        "user_dense": (schema.user_dense, USER_DENSE),
        "candidate_dense": (schema.candidate_dense, candidate_dense_names(sources, schema.item_columns)),
    }
    for field, (held, served) in names.items():
        if held != served:
            raise ReleaseRefusedError(
                release.path, f"its {field} are {', '.join(held)}; served are {', '.join(served)}"
            )
    user: dict[str, tuple[int, ...]] = {
        "user_dense": (len(USER_DENSE),),
        "history_type": (schema.history_length,),
        "history_age": (schema.history_length,),
    }
    tower = {
        "history_embedding": (schema.history_length, release.manifest.embedding_dimension),
        "history_mask": (schema.history_length,),
    }
    ranker = {
        "history": (schema.history_length,),
        "candidates": (-1,),
        "candidate_dense": (-1, len(schema.candidate_dense)),
    }
    _check_inputs(release, "query tower", release.manifest.query_tower, user | tower)
    _check_inputs(release, "ranker", release.manifest.ranker, user | ranker)
    taken = {tensor.name for tensor in release.manifest.ranker.inputs}
    for name in _NEEDED:
        if name not in taken:
            raise ReleaseRefusedError(release.path, f"the ranker does not take {name}")


def _check_inputs(release: Release, model: str, spec: ModelSpec, given: Mapping[str, tuple[int, ...]]) -> None:
    for tensor in spec.inputs:
        if tensor.name not in given:
            raise ReleaseRefusedError(release.path, f"the {model} takes {tensor.name}, which is not served")
        if tensor.shape != given[tensor.name]:
            raise ReleaseRefusedError(
                release.path, f"the {model} takes {tensor.name} of shape {tensor.shape}, not {given[tensor.name]}"
            )
