"""Load and latency: what is measured, how, and what with. Nothing here is imported by serving."""
