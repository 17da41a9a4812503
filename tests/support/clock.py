"""A clock for what takes one: it stands still until a test moves it."""


class Clock:
    """Stands still until it is moved.

    Args:
        now: What it tells, in seconds.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now
