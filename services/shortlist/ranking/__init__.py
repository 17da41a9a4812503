"""Scores: the tensor contract of the ranker, and the two places it runs (Triton, in the process)."""
