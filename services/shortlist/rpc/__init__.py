"""The only generic gRPC code: the front door, server life cycle, channels, health, status table."""
