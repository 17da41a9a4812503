"""Triton's configuration of a ranker: one source for the wire, for model_repository/ and for both backends.

Field meanings: https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

from typing import Literal

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from shortlist.release.manifest import RankerSpec

Backend = Literal["python", "onnxruntime", "tensorrt"]
"""Who runs the ranker: the wheel's server has the Python backend only; NVIDIA's container has ONNX Runtime's native
one, on the CPU, or on a GPU with TensorRT under it."""

MAX_BATCH = 64
MAX_QUEUE = 256
DEFAULT_TIMEOUT_US = 1_000_000
MOST_CANDIDATES = 1000
"""Of a Rank call; what retrieval proposes is less."""
_USUAL_BATCH, _USUAL_CANDIDATES = 8, 200
_DTYPES = {
    "float32": model_config_pb2.TYPE_FP32,
    "float16": model_config_pb2.TYPE_FP16,
    "int32": model_config_pb2.TYPE_INT32,
}


def model_config(
    name: str, spec: RankerSpec, backend: Backend, instances: int, threads: int
) -> model_config_pb2.ModelConfig:
    """Describe a ranker to Triton.

    The queue delay is 0: the gateway's batches come formed, and a delay is paid in full by every lone request
    (500 µs took a sequential call from 1.1 to 1.8 ms).

    Args:
        name: The model's name on Triton.
        spec: Its tensors.
        backend: Who runs it.
        instances: Copies that run at a time.
        threads: Threads of each copy.
    """
    config = model_config_pb2.ModelConfig(name=name, max_batch_size=MAX_BATCH)
    config.backend = "python" if backend == "python" else "onnxruntime"
    for tensor in spec.inputs:
        config.input.add(name=tensor.name, data_type=_DTYPES[tensor.dtype], dims=tensor.shape)
    config.output.add(name=spec.output.name, data_type=_DTYPES[spec.output.dtype], dims=spec.output.shape)
    group = model_config_pb2.ModelInstanceGroup
    config.instance_group.add(count=instances, kind=group.KIND_GPU if backend == "tensorrt" else group.KIND_CPU)
    if backend == "tensorrt":
        _accelerate(config, spec)
    config.dynamic_batching.max_queue_delay_microseconds = 0
    # A request's own timeout counts only with all three of these set; it is checked when the request is dequeued.
    policy = config.dynamic_batching.default_queue_policy
    policy.timeout_action = model_config_pb2.ModelQueuePolicy.REJECT
    policy.default_timeout_microseconds = DEFAULT_TIMEOUT_US
    policy.allow_timeout_override = True
    policy.max_queue_size = MAX_QUEUE
    config.parameters["intra_op_thread_count"].string_value = str(threads)
    return config


def _accelerate(config: model_config_pb2.ModelConfig, spec: RankerSpec) -> None:
    """Put TensorRT under ONNX Runtime (https://github.com/triton-inference-server/onnxruntime_backend, "TensorRT").

    An int8 ranker carries its own scales as quantize and dequantize nodes, so no calibration table is named; what is
    left in float runs in float32, as the quality gate measured it. One engine is built for the whole range of shapes:
    without the range a batch of another size would build another, for seconds, in the middle of the traffic.
    """
    accelerator = config.optimization.execution_accelerators.gpu_execution_accelerator.add(name="tensorrt")
    accelerator.parameters["precision_mode"] = "INT8" if spec.precision == "int8" else "FP32"
    accelerator.parameters["max_workspace_size_bytes"] = str(1 << 30)
    accelerator.parameters["trt_engine_cache_enable"] = "true"
    accelerator.parameters["trt_engine_cache_path"] = "/tmp/engines"  # noqa: S108  # in the container, on its tmpfs
    for name, batch, candidates in (
        ("min", 1, 1),
        ("opt", _USUAL_BATCH, _USUAL_CANDIDATES),
        ("max", MAX_BATCH, MOST_CANDIDATES),
    ):
        accelerator.parameters[f"trt_profile_{name}_shapes"] = ",".join(
            f"{tensor.name}:{'x'.join(str(candidates if size < 0 else size) for size in (batch, *tensor.shape))}"
            for tensor in spec.inputs
        )


def as_pbtxt(config: model_config_pb2.ModelConfig) -> str:
    """Render config.pbtxt."""
    text: str = text_format.MessageToString(config)
    return text
