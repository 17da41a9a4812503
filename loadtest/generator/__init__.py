"""The load generator: calls as bytes made before the run, one process, latency from the time that a call was due."""
