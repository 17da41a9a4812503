from typing import get_args

import pytest
from tritonclient.grpc import model_config_pb2

from shortlist.ranking.model_config import Backend, as_pbtxt, model_config
from shortlist.ranking.triton_repository import model_name, model_source
from shortlist.release.bundle import Release
from support.tiny_release import manifest


@pytest.mark.parametrize("backend", get_args(Backend))
def test_the_configuration_names_the_rankers_tensors(backend: Backend) -> None:
    spec = manifest().ranker
    config = model_config("ranker-tiny", spec, backend, instances=2, threads=3)
    assert config.name == "ranker-tiny"
    assert [tensor.name for tensor in config.input] == [tensor.name for tensor in spec.inputs]
    assert [tuple(tensor.dims) for tensor in config.input] == [tensor.shape for tensor in spec.inputs]
    assert [tensor.name for tensor in config.output] == ["score"]


def test_types_are_tritons() -> None:
    types = {tensor.name: tensor.data_type for tensor in model_config("m", manifest().ranker, "python", 1, 1).input}
    assert types["candidates"] == model_config_pb2.TYPE_INT32
    assert types["candidate_dense"] == model_config_pb2.TYPE_FP32


def test_a_lone_request_waits_for_no_company() -> None:
    config = model_config("m", manifest().ranker, "python", 1, 1)
    assert config.dynamic_batching.max_queue_delay_microseconds == 0


def test_a_requests_own_timeout_counts_which_takes_three_settings() -> None:
    policy = model_config("m", manifest().ranker, "python", 1, 1).dynamic_batching.default_queue_policy
    assert policy.allow_timeout_override
    assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
    assert policy.default_timeout_microseconds > 0


def test_the_queue_is_bounded() -> None:
    assert model_config("m", manifest().ranker, "python", 1, 1).dynamic_batching.default_queue_policy.max_queue_size > 0


def test_copies_and_threads_are_those_asked_for() -> None:
    config = model_config("m", manifest().ranker, "python", instances=3, threads=4)
    assert config.instance_group[0].count == 3
    assert config.parameters["intra_op_thread_count"].string_value == "4"


def test_the_text_form_names_the_backend() -> None:
    assert 'backend: "onnxruntime"' in as_pbtxt(model_config("m", manifest().ranker, "onnxruntime", 1, 1))


def test_a_ranker_has_a_model_name_of_its_own(tiny_release: Release) -> None:
    held = tiny_release.manifest
    assert model_name(held).startswith("ranker-tiny-")
    changed = held.files[held.ranker.file].model_copy(update={"sha256": "0" * 64})
    other = held.model_copy(update={"files": held.files | {held.ranker.file: changed}})
    assert model_name(other) != model_name(held)


def test_the_model_that_is_sent_is_python_that_compiles_and_imports_nothing_of_ours() -> None:
    source = model_source().decode()
    compile(source, "model.py", "exec")
    assert "shortlist" not in source.replace("Shortlist", "")
