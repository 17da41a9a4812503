"""The numbers of core's enums are on the wire and in stored rows: they are those of the protobuf enums."""

from enum import IntEnum
from typing import Any, get_args

import pytest

from shortlist.cli.calls import EventName
from shortlist.core.types import Degraded, EventType
from shortlist.v1 import events_pb2, recommender_pb2


@pytest.mark.parametrize(
    ("enum", "message", "prefix"),
    [(Degraded, recommender_pb2.Degraded, "DEGRADED_"), (EventType, events_pb2.EventType, "EVENT_TYPE_")],
    ids=["Degraded", "EventType"],
)
def test_names_and_numbers_are_those_of_the_protobuf_enum(enum: type[IntEnum], message: Any, prefix: str) -> None:
    wire = {name.removeprefix(prefix): number for name, number in message.items()}
    assert wire.pop("UNSPECIFIED") == 0
    assert wire == {member.name: member.value for member in enum}


def test_the_command_line_takes_every_type_of_event() -> None:
    assert get_args(EventName) == tuple(kind.name.lower() for kind in EventType)
