"""A release out of somebody's own models: ONNX graphs and item embeddings, checked against what serving sends."""
