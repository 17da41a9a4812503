from pathlib import Path

from shortlist.core.errors import InvalidRequestError, ReleaseRefusedError, UnavailableError


def test_an_invalid_request_names_the_field() -> None:
    error = InvalidRequestError("filter.price.min", "must be 0 or more")
    assert str(error) == "filter.price.min: must be 0 or more"
    assert error.field == "filter.price.min"


def test_an_unavailable_dependency_is_named() -> None:
    error = UnavailableError("redis", "timed out")
    assert str(error) == "redis: timed out"
    assert error.dependency == "redis"


def test_a_refused_release_is_named_with_the_reason() -> None:
    error = ReleaseRefusedError(Path("/var/release"), "items.npz is damaged")
    assert str(error) == "/var/release: items.npz is damaged"
