"""Metrics, logging, tracing: every name, unit, bucket and label in one place."""
