"""The feature port: user rows for a batch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from shortlist.features.row import UserRow
from shortlist.resilience.deadline import Deadline


@dataclass(frozen=True, slots=True)
class UserRows:
    """The rows of a batch.

    Args:
        rows: In the order of the users; None for a user without one.
        stale: Places of rows that may have changed since: the store did not answer, and these were held.
        unread: Places of users whose rows are not known: the store did not answer, and none was held.
    """

    rows: Sequence[UserRow | None]
    stale: Collection[int] = ()
    unread: Collection[int] = ()


class UserStore(Protocol):
    """Reads user rows; safe to call from several threads."""

    def read(self, user_ids: Sequence[str], deadline: Deadline, min_versions: Sequence[int] = ()) -> UserRows:
        """Read the rows of a batch in one round trip at most.

        A row that cannot be decoded counts as missing.

        Args:
            user_ids: Whose rows; one may stand there twice.
            deadline: When the rows are worth nothing any more.
            min_versions: By user, the version that a held row must have to be used unasked; empty: any.

        Raises:
            UnavailableError: no answer before the deadline, and no row is held.
        """

    def check(self) -> None:
        """Check that the store answers; UnavailableError where it does not."""

    def close(self) -> None:
        """Release connections."""
