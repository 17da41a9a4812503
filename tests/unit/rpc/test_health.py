import pytest

from shortlist.rpc.health import Health


def test_a_server_serves_when_every_check_passes() -> None:
    health = Health((), checks=("release", "redis"))
    assert set(health.failing) == {"release", "redis"}
    health.set("redis", passes=True)
    assert set(health.failing) == {"release"}
    assert not health.is_serving
    health.set("release", passes=True)
    assert not health.failing
    assert health.is_serving


def test_a_check_that_fails_again_ends_serving() -> None:
    health = Health(())
    health.set("ready", passes=True)
    health.set("ready", passes=False)
    assert not health.is_serving


def test_a_drain_is_for_good() -> None:
    health = Health(())
    health.set("ready", passes=True)
    health.drain()
    health.set("ready", passes=True)
    assert not health.is_serving


def test_a_check_that_was_not_named_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Health(()).set("raedy", passes=True)
