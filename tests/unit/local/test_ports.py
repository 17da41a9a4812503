"""What the person reads who asks for a port that cannot be had; the check itself is an integration test."""

import errno

from shortlist.local.ports import Ports, refusal


def test_a_taken_port_is_named_with_its_part_and_the_option_that_moves_it() -> None:
    sentence = refusal("gateway", 50051, OSError(errno.EADDRINUSE, "Address already in use"))

    assert sentence == ("port 50051 (gateway) is taken: stop the other cluster or choose another with --gateway-port")


def test_a_part_with_several_ports_says_which() -> None:
    sentence = refusal("triton_http", 8000, OSError(errno.EADDRINUSE, "Address already in use"))

    assert "port 8000 (triton http) is taken" in sentence
    assert "--triton-http-port" in sentence


def test_a_forbidden_port_is_not_called_taken() -> None:
    sentence = refusal("redis", 79, OSError(errno.EACCES, "Permission denied"))

    assert sentence == "port 79 (redis) cannot be bound (Permission denied): choose another with --redis-port"


def test_the_defaults_are_the_documented_ports() -> None:
    assert Ports() == Ports(
        gateway=50051,
        metrics=9464,
        redis=6379,
        triton_http=8000,
        triton_grpc=8001,
        triton_metrics=8002,
        features_metrics=0,
    )
