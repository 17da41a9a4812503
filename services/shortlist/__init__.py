"""Shortlist: a self-hosted, low-latency recommendation serving cluster."""

__version__ = "0.1.0"
