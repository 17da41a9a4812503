"""The ranker on Triton: one ModelInfer a batch, tensors as raw bytes on a plain stub.

tritonclient's per-tensor objects cost more than the kernel; only its protobuf messages are used.
"""

from collections.abc import Mapping

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

from shortlist.core.arrays import F32, AnyArray
from shortlist.core.errors import UnavailableError
from shortlist.ranking.local import checked_scores
from shortlist.ranking.triton_repository import TritonRepository
from shortlist.release.manifest import ModelSpec
from shortlist.resilience.deadline import Deadline
from shortlist.telemetry.tracing import outgoing_metadata

DEPENDENCY = "triton"
_DTYPES = {"float32": "FP32", "float16": "FP16", "int32": "INT32"}


class TritonRanker:
    """Scores by a model on Triton.

    Args:
        channel: To Triton; closed with the ranker.
        model: The model's name there.
        spec: Its tensors.
        repository: Loads the model.
        timeout_s: The longest wait for a batch, when the deadline is further away.
    """

    name = "triton"

    def __init__(
        self, channel: grpc.Channel, model: str, spec: ModelSpec, repository: TritonRepository, timeout_s: float
    ) -> None:
        self._channel, self._model, self._spec = channel, model, spec
        self._repository, self._timeout_s = repository, timeout_s
        self._infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )

    def score(self, tensors: Mapping[str, AnyArray], deadline: Deadline) -> F32:
        """Score a batch; see the port."""
        timeout_s = min(deadline.remaining_s(), self._timeout_s)
        if timeout_s <= 0:
            raise UnavailableError(DEPENDENCY, "no time left to rank")
        try:
            response = self._infer(self._request(tensors, timeout_s), timeout=timeout_s, metadata=outgoing_metadata())
        except grpc.RpcError as error:
            raise UnavailableError(DEPENDENCY, f"{error.code().name}: {error.details()}") from error
        return self._scores(response, tensors["candidates"].shape)

    def _request(self, tensors: Mapping[str, AnyArray], timeout_s: float) -> service_pb2.ModelInferRequest:
        request = service_pb2.ModelInferRequest(model_name=self._model)
        # The gRPC deadline ends our wait; this saves Triton the compute when the request is dequeued too late.
        request.parameters["timeout"].int64_param = max(1, int(timeout_s * 1e6))
        for spec in self._spec.inputs:
            tensor = tensors[spec.name]
            request.inputs.add(name=spec.name, datatype=_DTYPES[spec.dtype], shape=tensor.shape)
            request.raw_input_contents.append(tensor.tobytes())
        return request

    def _scores(self, response: service_pb2.ModelInferResponse, shape: tuple[int, ...]) -> F32:
        if len(response.outputs) != 1 or len(response.raw_output_contents) != 1:
            raise UnavailableError(DEPENDENCY, "an answer without exactly one tensor")
        output, raw = response.outputs[0], response.raw_output_contents[0]
        if output.datatype != "FP32" or len(raw) != 4 * int(np.prod(output.shape)):
            raise UnavailableError(DEPENDENCY, f"scores of type {output.datatype} in {len(raw)} bytes")
        return checked_scores(np.frombuffer(raw, "<f4").reshape(tuple(output.shape)), shape)

    def ensure_loaded(self) -> None:
        """Load the model where Triton lacks it (it was restarted, or was not there yet).

        Raises:
            UnavailableError: Triton does not answer, or refuses the model.
        """
        if not self._repository.is_ready(self._model):
            self._repository.load(self._model)

    def close(self) -> None:
        """Close the channel; the model stays, since other gateways may serve the same release from this Triton."""
        self._channel.close()
