"""Items for the live catalogue as people write them: JSON lines, with the fields of the protobuf message."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from google.protobuf import json_format

from shortlist.core.errors import InputError
from shortlist.v1 import catalog_pb2

ITEMS_A_CALL = 500
STDIN = Path("-")


def items_in(file: Path) -> Iterator[catalog_pb2.Item]:
    """Read items; empty lines are left out.

    Raises:
        InputError: the file cannot be read, or a line is no item; it names the line.
    """
    try:
        lines = sys.stdin.read().splitlines() if file == STDIN else file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield json_format.Parse(line, catalog_pb2.Item())
        except json_format.ParseError as error:
            raise InputError(f"{file}, line {number}: {error}") from error


def calls_of(items: Iterable[catalog_pb2.Item]) -> Iterator[list[catalog_pb2.Item]]:
    """Divide items into calls."""
    waiting = iter(items)
    while call := list(islice(waiting, ITEMS_A_CALL)):
        yield call
