"""Loading a ranker into Triton over the wire: gateway and Triton share no volume.

A release's ranker loads under its own name beside the running one; Triton's in-place reload is never used. Whoever
reaches this API can run code on the server, so Triton guards it with a shared secret (`--grpc-restricted-protocol`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from tritonclient.grpc import service_pb2

from shortlist.core.errors import UnavailableError
from shortlist.ranking.model_config import Backend, model_config
from shortlist.release.manifest import Manifest, RankerSpec

KEY_NAME = "shortlist"
"""The secret's name in `--grpc-restricted-protocol`: it is sent as `triton-grpc-protocol-shortlist`."""

_SERVICE = "/inference.GRPCInferenceService/"
_LOAD_TIMEOUT_S = 60.0
_ASK_TIMEOUT_S = 1.0


def model_name(manifest: Manifest) -> str:
    """Name a release's ranker on Triton: a ranker of other content never answers under a name already loaded."""
    return f"ranker-{manifest.id}-{manifest.files[manifest.ranker.file].sha256[:8]}"


class TritonRepository:
    """Triton's model repository API for one ranker.

    Args:
        channel: To Triton.
        secret: The shared secret; empty where Triton asks for none.
        path: The ranker, ONNX.
        spec: Its tensors.
        backend: Which of Triton's backends runs it.
        instances: Copies that run at a time.
        threads: Threads of each copy.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        secret: str,
        path: Path,
        spec: RankerSpec,
        backend: Backend,
        instances: int,
        threads: int,
    ) -> None:
        self._path, self._spec, self._backend = path, spec, backend
        self._instances, self._threads = instances, threads
        self._metadata = ((f"triton-grpc-protocol-{KEY_NAME}", secret),) if secret else ()
        self._load = self._method(channel, "RepositoryModelLoad")
        self._unload = self._method(channel, "RepositoryModelUnload")
        self._ready = self._method(channel, "ModelReady")

    @staticmethod
    def _method(channel: grpc.Channel, name: str) -> Callable[..., Any]:
        return channel.unary_unary(
            _SERVICE + name,
            request_serializer=getattr(service_pb2, f"{name}Request").SerializeToString,
            response_deserializer=getattr(service_pb2, f"{name}Response").FromString,
        )

    def is_ready(self, model: str) -> bool:
        """Ask whether the model is loaded; UnavailableError where Triton does not answer."""
        request = service_pb2.ModelReadyRequest(name=model)
        try:
            return bool(self._ready(request, timeout=_ASK_TIMEOUT_S, metadata=self._metadata).ready)
        except grpc.RpcError as error:
            raise _translated(error) from error

    def load(self, model: str) -> None:
        """Send the model and its configuration; returns when it is ready, UnavailableError where refused."""
        config = model_config(model, self._spec, self._backend, self._instances, self._threads)
        request = service_pb2.RepositoryModelLoadRequest(model_name=model)
        request.parameters["config"].string_param = json_format.MessageToJson(config, preserving_proto_field_name=True)
        request.parameters["file:1/model.onnx"].bytes_param = self._path.read_bytes()
        if self._backend == "python":
            request.parameters["file:1/model.py"].bytes_param = model_source()
        try:
            self._load(request, timeout=_LOAD_TIMEOUT_S, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _translated(error) from error

    def unload(self, model: str) -> None:
        """Let Triton drop the model; UnavailableError where it does not answer."""
        try:
            self._unload(
                service_pb2.RepositoryModelUnloadRequest(model_name=model),
                timeout=_ASK_TIMEOUT_S,
                metadata=self._metadata,
            )
        except grpc.RpcError as error:
            raise _translated(error) from error


def model_source() -> bytes:
    """Read the Python backend's model.py."""
    return Path(__file__).with_name("triton_model.py").read_bytes()


def _translated(error: grpc.RpcError) -> UnavailableError:
    return UnavailableError("triton", f"{error.code().name}: {error.details()}")
