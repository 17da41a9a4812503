"""Pure types and algorithms: NumPy only; no clock, no I/O, no threads."""
