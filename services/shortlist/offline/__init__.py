"""The offline path: datasets, cleaning, features, training, export, quantization, evaluation, release building."""
