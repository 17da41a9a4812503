"""Candidates: the index behind a port (CPU, GPU), the query tower, sources, their merge, filters."""
