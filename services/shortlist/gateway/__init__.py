"""The gateway service: pipeline, servicers, composition."""
