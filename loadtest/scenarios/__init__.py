"""The measurements beside the main rounds, a module each: `python -m loadtest.scenarios.NAME` prints one as JSON."""
