"""The offline path: datasets, cleaning, features, training, export, quantization, evaluation, release building."""

import os

# ONNX Runtime's wheel reports home and makes a folder there, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
