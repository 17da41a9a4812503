"""Modules stay short: what one file holds, one person can hold."""

from pathlib import Path
from statistics import median

import shortlist

LONGEST, MEDIAN = 400, 150
SOURCE = Path(shortlist.__file__).parent


def lengths() -> dict[str, int]:
    """Count the lines of every module that people wrote."""
    return {
        str(path.relative_to(SOURCE)): len(path.read_text().splitlines())
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] != "v1"
    }


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    assert {name: length for name, length in lengths().items() if length > LONGEST} == {}


def test_half_of_the_modules_are_shorter_than_a_hundred_and_fifty_lines() -> None:
    assert median(length for length in lengths().values() if length > 1) < MEDIAN
