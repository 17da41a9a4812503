"""Generated protobuf and gRPC code: `make protos` writes it, a test proves that it is fresh."""
