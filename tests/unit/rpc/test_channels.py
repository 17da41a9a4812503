import json

from shortlist.rpc.channels import service_config


def test_only_named_methods_are_retried_and_only_when_unavailable() -> None:
    everywhere, retried = json.loads(service_config(("/a.Service/Read",)))["methodConfig"]
    assert everywhere == {"name": [{}], "waitForReady": False}
    assert retried["name"] == [{"service": "a.Service", "method": "Read"}]
    assert retried["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_retries_have_a_budget_and_calls_are_spread_over_addresses() -> None:
    config = json.loads(service_config(()))
    assert len(config["methodConfig"]) == 1
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert config["retryThrottling"] == {"maxTokens": 20, "tokenRatio": 0.1}
