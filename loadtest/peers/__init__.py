"""What people would use instead, on the same work: FastAPI, LitServe, BentoML and Ray Serve."""
