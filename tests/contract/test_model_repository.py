"""The rendered model repository against the ranker's tensors, for both of Triton's backends."""

from pathlib import Path
from typing import get_args

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from shortlist.gateway.requests import MAX_CANDIDATES
from shortlist.ranking.model_config import MAX_BATCH, MOST_CANDIDATES, Backend
from shortlist.ranking.render import render
from shortlist.release.bundle import Release

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "model_repository" / "ranker"
SHIPPED = ROOT / "deploy" / "releases" / "completejourney"
TYPES = {"TYPE_FP32": "float32", "TYPE_FP16": "float16", "TYPE_INT32": "int32"}


def rendered_config(release: Release, repository: Path, backend: Backend) -> model_config_pb2.ModelConfig:
    text = (render(release, repository, backend) / "config.pbtxt").read_text()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


@pytest.mark.parametrize("backend", get_args(Backend))
def test_inputs_and_output_are_the_manifest_s_tensors(tiny_release: Release, tmp_path: Path, backend: Backend) -> None:
    config = rendered_config(tiny_release, tmp_path, backend)

    spec = tiny_release.manifest.ranker
    for rendered, tensors in ((config.input, spec.inputs), (config.output, (spec.output,))):
        assert [
            (tensor.name, TYPES[model_config_pb2.DataType.Name(tensor.data_type)], tuple(tensor.dims))
            for tensor in rendered
        ] == [(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors]


def test_the_two_renderings_differ_in_the_backend_alone(tiny_release: Release, tmp_path: Path) -> None:
    native = rendered_config(tiny_release, tmp_path / "native", "onnxruntime")
    python = rendered_config(tiny_release, tmp_path / "python", "python")

    assert (native.backend, python.backend) == ("onnxruntime", "python")
    python.backend = native.backend
    assert python == native


def test_the_rendering_for_a_gpu_adds_tensorrt_and_changes_nothing_else(tiny_release: Release, tmp_path: Path) -> None:
    cpu = rendered_config(tiny_release, tmp_path / "cpu", "onnxruntime")
    gpu = rendered_config(tiny_release, tmp_path / "gpu", "tensorrt")

    (accelerator,) = gpu.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert gpu.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    gpu.ClearField("optimization")
    gpu.instance_group[0].kind = cpu.instance_group[0].kind
    assert gpu == cpu


def test_the_engine_takes_every_shape_that_a_batch_may_have(tiny_release: Release, tmp_path: Path) -> None:
    config = rendered_config(tiny_release, tmp_path, "tensorrt")
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator

    def shapes(which: str) -> dict[str, tuple[int, ...]]:
        named = (part.split(":") for part in accelerator.parameters[f"trt_profile_{which}_shapes"].split(","))
        return {name: tuple(map(int, sizes.split("x"))) for name, sizes in named}

    for which, batch, candidates in (("min", 1, 1), ("max", MAX_BATCH, MOST_CANDIDATES)):
        assert shapes(which) == {
            tensor.name: (batch, *(candidates if size == -1 else size for size in tensor.dims))
            for tensor in config.input
        }
    for name, usual in shapes("opt").items():
        assert all(
            least <= size <= most
            for least, size, most in zip(shapes("min")[name], usual, shapes("max")[name], strict=True)
        )


def test_a_rank_call_may_not_have_more_candidates_than_the_engine_takes() -> None:
    assert MAX_CANDIDATES <= MOST_CANDIDATES


def test_the_python_rendering_brings_the_program_that_the_native_one_does_not_need(
    tiny_release: Release, tmp_path: Path
) -> None:
    def files(backend: Backend) -> set[str]:
        version = render(tiny_release, tmp_path / backend, backend) / "1"
        return {path.name for path in version.iterdir()}

    assert files("onnxruntime") == {"model.onnx"}
    assert files("python") == {"model.onnx", "model.py"}


def test_the_committed_repository_is_the_shipped_release_rendered_for_nvidia_s_image(tmp_path: Path) -> None:
    rendered = render(Release.open(SHIPPED), tmp_path, "onnxruntime")

    for path in (path for path in rendered.rglob("*") if path.is_file()):
        assert (COMMITTED / path.relative_to(rendered)).read_bytes() == path.read_bytes(), "run make model-repository"
