from pathlib import Path

import pytest

from shortlist.core.errors import StartError
from shortlist.gateway.config import GatewaySettings


@pytest.mark.parametrize("endpoint", ["", "collector:4317", "http://127.0.0.1:4317", "https://collector.internal:4317"])
def test_a_trace_endpoint_is_a_host_and_port_or_nothing(endpoint: str) -> None:
    assert GatewaySettings(release=Path(), trace_endpoint=endpoint).trace_endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["collector", "grpc://collector:4317", "collector:4317/v1/traces", " "])
def test_a_trace_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(StartError, match="SHORTLIST_GATEWAY_TRACE_ENDPOINT"):
        GatewaySettings(release=Path(), trace_endpoint=endpoint)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_lies_between_0_and_1(share: float) -> None:
    with pytest.raises(StartError, match="SHORTLIST_GATEWAY_TRACE_SHARE"):
        GatewaySettings(release=Path(), trace_share=share)
