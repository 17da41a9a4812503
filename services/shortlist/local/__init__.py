"""The embedded cluster: Valkey, Triton and the gateway as child processes, started and never imported."""
