"""`make bench`: every system in turn, in rounds, beside the bare kernels; figures as JSON, a report, and the goals."""
