"""One question to a server on loopback: does it answer? Each waits a second at most and never raises."""

import http.client
import socket

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

LOOPBACK = "127.0.0.1"
_TIMEOUT_S = 1.0


def valkey_answers(port: int) -> bool:
    """Tell whether a Redis or Valkey answers PING."""
    try:
        with socket.create_connection((LOOPBACK, port), _TIMEOUT_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def http_answers(port: int, path: str) -> bool:
    """Tell whether a GET is answered with 200; unlike urllib's, it goes through no proxy."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def grpc_serves(port: int) -> bool:
    """Tell whether grpc.health.v1 says SERVING for the whole server."""
    options = (
        ("grpc.enable_http_proxy", 0),
        # the shared pool would make this channel wait out the back-off of the attempt before
        ("grpc.use_local_subchannel_pool", 1),
    )
    with grpc.insecure_channel(f"{LOOPBACK}:{port}", options) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
