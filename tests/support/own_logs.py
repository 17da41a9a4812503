"""A user's own log in small: a file of events, perhaps one of items, and the TOML that says what their columns are."""

import csv
from collections.abc import Sequence
from pathlib import Path

EVENTS_TOML = """
[events]
file = "events.csv"
user = "visitor"
item = "sku"
time = "at"
type = "action"
value = "amount"
[events.types]
buy = "purchase"
look = "view"
login = "ignore"
"""
EVENT_HEADER = ("visitor", "sku", "at", "action", "amount")


def event_row(
    user: str = "ann", item: str = "a", *, at: object = 1_600_000_000, action: str = "buy", amount: object = 2.5
) -> tuple[str, ...]:
    """Make one line of a log; what a test does not name is an ordinary purchase."""
    return user, item, str(at), action, str(amount)


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_log(folder: Path, *rows: Sequence[str], toml: str = EVENTS_TOML) -> Path:
    """Write `events.csv` and `log.toml` into a folder."""
    write_table(folder / "events.csv", EVENT_HEADER, rows)
    (folder / "log.toml").write_text(toml)
    return folder
