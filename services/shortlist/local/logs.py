"""What a child wrote: its last lines for an error message, and a bound on the file."""

import os
from contextlib import suppress
from pathlib import Path

LOG_LIMIT_BYTES = 32 * 1024 * 1024
_TAIL_BYTES = 16 * 1024


def tail(log: Path, lines: int = 15) -> str:
    """Read the last lines of a log; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def bound(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Empty a log that has grown past the limit; its writer appends, so it goes on at the new end."""
    with suppress(FileNotFoundError):  # someone tidied up; its writer does not mind
        if log.stat().st_size > limit_bytes:
            os.truncate(log, 0)
