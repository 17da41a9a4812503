"""A program in the gateway's place: loads a ranker into Triton where it is told of one, and then says SERVING.

Configured by the gateway's own environment variables. The model's answer is 2x, by way of NumPy and ONNX Runtime as
the stub finds them. A file named `broken` in the release directory makes it fail as a bad release would.
"""

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tritonclient.grpc import InferenceServerClient

MODEL_NAME = "double"
MODEL_CONFIG = {
    "name": MODEL_NAME,
    "backend": "python",
    "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1]}],
    "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [-1]}],
}
# The stub was built for NumPy 1: with NumPy 2, as_numpy() repeats the first element and Tensor(name, array) is empty,
# both without an error (tried). DLPack carries shape and strides itself.
MODEL = b"""
import numpy
import onnxruntime
import triton_python_backend_utils as triton

class TritonPythonModel:
    def execute(self, requests):
        inputs = [numpy.from_dlpack(triton.get_input_tensor_by_name(request, "x")) for request in requests]
        return [triton.InferenceResponse([triton.Tensor.from_dlpack("y", x * 2)]) for x in inputs]
"""


def load_model(address: str, secret: str) -> None:
    with InferenceServerClient(address) as triton:
        triton.load_model(
            MODEL_NAME,
            headers={"triton-grpc-protocol-shortlist": secret},
            config=json.dumps(MODEL_CONFIG),
            files={"file:1/model.py": MODEL},
        )


def main() -> None:
    if Path(os.environ["SHORTLIST_GATEWAY_RELEASE"], "broken").exists():
        sys.exit("the release is refused: items.faiss has another checksum")
    if os.environ["SHORTLIST_RANKING_BACKEND"] == "triton":
        load_model(
            os.environ["SHORTLIST_RANKING_TRITON_ADDRESS"],
            Path(os.environ["SHORTLIST_RANKING_TRITON_SECRET_FILE"]).read_text(),
        )
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ["SHORTLIST_GATEWAY_ADDRESS"])
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=0))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
