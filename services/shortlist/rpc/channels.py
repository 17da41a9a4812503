"""Channels to gRPC servers: balanced over addresses, retrying within a budget, kept alive."""

import json
from collections.abc import Sequence

import grpc

# Tokens of gRPC's retry throttling: a failure takes one, a success gives the ratio back, and at half of the maximum
# retries stop. So a server that fails altogether sees at most 10 % more calls, not three times as many.
_RETRY_TOKENS = 20
_RETRY_TOKEN_RATIO = 0.1


def open_channel(
    address: str,
    *,
    retried: Sequence[str] = (),
    max_message_bytes: int = 16 * 1024 * 1024,
    keepalive_s: float = 30.0,
    credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[tuple[str, str | int]] = (),
) -> grpc.Channel:
    """Open a channel to "host:port", "dns:///host:port" or "unix:path"; it connects with the first call.

    `retried` names the methods (in full) that may be sent again on UNAVAILABLE: the idempotent ones. `options` are
    gRPC's own and win over ours.
    """
    chosen = {
        "grpc.service_config": service_config(retried),
        "grpc.max_receive_message_length": max_message_bytes,
        "grpc.max_send_message_length": max_message_bytes,
        "grpc.keepalive_time_ms": round(keepalive_s * 1000),
        "grpc.keepalive_timeout_ms": 5_000,
        # A dead connection is found before the next call needs it.
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0,
        # grpc's own limit is 2 minutes: so long a server that is back would not be asked.
        "grpc.initial_reconnect_backoff_ms": 200,
        "grpc.max_reconnect_backoff_ms": 2_000,
        **dict(options),
    }
    if credentials is None:
        return grpc.insecure_channel(address, list(chosen.items()))
    return grpc.secure_channel(address, credentials, list(chosen.items()))


def service_config(retried: Sequence[str]) -> str:
    """Write gRPC's service config: round robin, no waiting for a server that is down, retries of `retried`."""
    methods: list[dict[str, object]] = [{"name": [{}], "waitForReady": False}]
    if retried:
        methods.append(
            {
                "name": [_method_name(method) for method in retried],
                "waitForReady": False,
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.01s",
                    "maxBackoff": "0.1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        )
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": methods,
            "retryThrottling": {"maxTokens": _RETRY_TOKENS, "tokenRatio": _RETRY_TOKEN_RATIO},
        }
    )


def _method_name(method: str) -> dict[str, str]:
    _, service, name = method.split("/")
    return {"service": service, "method": name}
