import grpc
import pytest

from shortlist.core.errors import (
    CancelledError,
    DeadlineExceededError,
    InputError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ShortlistError,
    UnavailableError,
)
from shortlist.rpc.status import status_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequestError("limit", "is over 500"), grpc.StatusCode.INVALID_ARGUMENT),
        (NotFoundError("no item x"), grpc.StatusCode.NOT_FOUND),
        (OverloadedError("full", 0.1), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (DeadlineExceededError("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (CancelledError("gone"), grpc.StatusCode.CANCELLED),
        (UnavailableError("redis", "no answer"), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_each_cause_has_a_code_and_keeps_its_message(error: ShortlistError, code: grpc.StatusCode) -> None:
    status = status_of(error)
    assert (status.code, status.message) == (code, str(error))
    assert status.number == code.value[0]


@pytest.mark.parametrize("error", [ValueError("secret"), InputError("secret"), KeyError("secret")])
def test_an_error_that_is_no_caller_s_business_is_internal_and_leaks_nothing(error: Exception) -> None:
    status = status_of(error)
    assert status.code is grpc.StatusCode.INTERNAL
    assert "secret" not in status.message


@pytest.mark.parametrize(("retry_after_s", "sent"), [(0.25, "250"), (0.0001, "1"), (0.0, "1"), (2, "2000")])
def test_a_refusal_says_when_to_come_again_in_whole_milliseconds(retry_after_s: float, sent: str) -> None:
    assert status_of(OverloadedError("full", retry_after_s)).trailing == (("retry-after-ms", sent),)


def test_only_a_refusal_has_trailing_metadata() -> None:
    assert status_of(NotFoundError("x")).trailing == ()
