"""Deadlines, admission, micro-batching, breakers: each a pure decision object and a thin driver."""
