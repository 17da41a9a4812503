"""The feature port: user rows for a batch."""

from collections.abc import Sequence
from typing import Protocol

from shortlist.features.row import UserRow
from shortlist.resilience.deadline import Deadline


class UserStore(Protocol):
    """Reads user rows; safe to call from several threads."""

    def read(self, user_ids: Sequence[str], deadline: Deadline) -> list[UserRow | None]:
        """Read the rows of a batch in one round trip; None for a user without one.

        A row that cannot be decoded counts as missing.

        Raises:
            UnavailableError: no answer before the deadline.
        """

    def check(self) -> None:
        """Check that the store answers; UnavailableError where it does not."""

    def close(self) -> None:
        """Release connections."""
