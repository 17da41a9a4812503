"""The rendered model repository on a bare tritonserver."""

from collections.abc import Iterator

import numpy as np
import pytest

from shortlist.core.arrays import AnyArray
from shortlist.ranking.local import LocalRanker
from shortlist.ranking.render import NAME, render
from shortlist.ranking.triton import TritonRanker
from shortlist.ranking.triton_repository import TritonRepository
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import Deadline
from shortlist.rpc.channels import open_channel
from support.real_servers import Triton
from support.tiny_release import ITEMS


@pytest.fixture(scope="module")
def on_triton(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonRanker]:
    """Start a tritonserver on the rendered repository, which nobody loads anything into."""
    run_dir = tmp_path_factory.mktemp("bare")
    (run_dir / "models").mkdir()
    render(tiny_release, run_dir / "models", backend="python")
    spec = tiny_release.manifest.ranker
    with Triton(run_dir, NAME) as server:
        channel = open_channel(server.address)
        repository = TritonRepository(channel, "", tiny_release.ranker_path, spec, "python", 1, 1)
        ranker = TritonRanker(channel, NAME, spec, repository, timeout_s=10.0)
        yield ranker
        ranker.close()


def tensors_of(release: Release, requests: int, candidates: int) -> dict[str, AnyArray]:
    """Fill the ranker's tensors with floats of 0 to 1, item rows, and event types."""
    rng = np.random.default_rng(candidates)
    tensors: dict[str, AnyArray] = {}
    for spec in release.manifest.ranker.inputs:
        shape = (requests, *(candidates if size == -1 else size for size in spec.shape))
        below = 7 if spec.name == "history_type" else ITEMS
        tensors[spec.name] = (
            rng.random(shape, np.float32) if spec.dtype == "float32" else rng.integers(0, below, shape, np.int32)
        )
    return tensors


@pytest.mark.parametrize(("requests", "candidates"), [(1, 60), (3, 60), (32, 7), (2, 1)])
def test_the_rendered_ranker_scores_as_the_one_in_the_process(
    on_triton: TritonRanker, tiny_release: Release, requests: int, candidates: int
) -> None:
    in_process = LocalRanker(tiny_release.ranker_path, tiny_release.manifest.ranker)
    tensors = tensors_of(tiny_release, requests, candidates)

    scores = on_triton.score(tensors, Deadline.after(10.0))

    assert scores.shape == (requests, candidates)
    np.testing.assert_allclose(scores, in_process.score(tensors, Deadline.after(10.0)), atol=1e-4)
