"""Choose and open a front door.

The only place that knows both adapters; everybody else knows the port.
"""

from collections.abc import Sequence
from typing import Literal

import grpc

from shortlist.core.errors import StartError
from shortlist.rpc.front import DEFAULT_OPTIONS, FrontDoor, FrontOptions
from shortlist.rpc.grpcio_front import GrpcioFront
from shortlist.rpc.services import AddService

FrontKind = Literal["auto", "grpcio", "native"]


def open_front(
    kind: FrontKind,
    address: str,
    methods: Sequence[str],
    *,
    services: Sequence[AddService] = (),
    options: FrontOptions = DEFAULT_OPTIONS,
    credentials: grpc.ServerCredentials | None = None,
) -> FrontDoor:
    """Bind a front door for `methods` (full names) at "host:port" or "unix:path".

    "auto" takes the native one where the extra `fast` is installed and no TLS is asked for. Raises StartError where
    the address cannot be bound, or the kind cannot do what is asked.
    """
    if kind == "grpcio" or (kind == "auto" and credentials is not None):
        return GrpcioFront(address, methods, services=services, options=options, credentials=credentials)
    if credentials is not None:
        raise StartError("the native front door has no TLS; take the grpcio one, or end TLS at the edge")
    try:
        from shortlist.rpc.native_front import NativeFront  # noqa: PLC0415 - the extra `fast` may be missing
    except ImportError as error:
        if kind == "auto":
            return GrpcioFront(address, methods, services=services, options=options)
        raise StartError("the native front door needs pygrpc-native; install shortlist[fast]") from error
    return NativeFront(address, methods, services=services, options=options)
