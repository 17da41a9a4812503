"""Services that stand beside our methods: each is added whole to a grpc.aio server, behind either front door.

Reflection is made here; health is in `health`.
"""

from collections.abc import Callable, Sequence

import grpc.aio
from grpc_reflection.v1alpha import reflection

AddService = Callable[[grpc.aio.Server], None]
"""Adds a service to a server that has not started yet."""


def reflecting(service_names: Sequence[str]) -> AddService:
    """Let clients such as grpcurl list and describe the services; their generated modules must be imported."""

    def add(server: grpc.aio.Server) -> None:
        reflection.enable_server_reflection((*service_names, reflection.SERVICE_NAME), server)

    return add
