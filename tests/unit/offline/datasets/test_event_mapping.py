from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.datasets.event_mapping import IGNORED, EventMapping

_EVENTS = {"file": '"e.csv"', "user": '"u"', "item": '"i"', "time": '"t"', "type": '"a"'}
_ITEMS = {"file": '"i.csv"', "id": '"sku"'}


def _read(tmp_path: Path, text: str) -> EventMapping:
    (tmp_path / "log.toml").write_text(text)
    return EventMapping.read(tmp_path / "log.toml")


def _section(name: str, keys: dict[str, str], **changes: str) -> str:
    """Write a section; a change to the empty string leaves a key out."""
    return "\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in (keys | changes).items() if value), ""])


def test_files_are_relative_to_the_toml(tmp_path: Path) -> None:
    text = _section("events", _EVENTS) + _section("items", _ITEMS, file='"/elsewhere/i.csv"')
    mapping = _read(tmp_path, text)
    assert mapping.events.file == tmp_path / "e.csv"
    assert mapping.items is not None
    assert mapping.items.file == Path("/elsewhere/i.csv")


def test_names_of_types_are_ours_where_nothing_else_is_said(tmp_path: Path) -> None:
    mapping = _read(tmp_path, _section("events", _EVENTS))
    assert mapping.events.type_numbers == {kind.name.lower(): kind for kind in EventType}
    mapping = _read(tmp_path, _section("events", _EVENTS, types='{ buy = "purchase", login = "ignore" }'))
    assert mapping.events.type_numbers == {"buy": EventType.PURCHASE, "login": IGNORED}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[events", "not TOML"),
        (_section("events", _EVENTS) + _section("events", _EVENTS), "not TOML"),
        ("", "the key events is missing"),
        (_section("events", _EVENTS, user=""), "the key events.user is missing"),
        (_section("events", _EVENTS, usr='"u"'), "there is no key events.usr"),
        (_section("events", _EVENTS) + _section("item", _ITEMS), "there is no key item"),
        (_section("events", _EVENTS, user="5"), "events.user: Input should be a valid string"),
        (_section("events", _EVENTS, user='""'), "events.user: String should have at least 1 character"),
        (_section("events", _EVENTS, user='"i"'), "events: column i is named twice"),
        (_section("events", _EVENTS, value='"t"'), "events: column t is named twice"),
        (_section("events", _EVENTS, type=""), "events: either type, a column, or default_type is needed"),
        (_section("events", _EVENTS, default_type='"click"'), "events: either type, .* and not both"),
        (_section("events", _EVENTS, type="", default_type='"ignore"'), "events.default_type: Input should be 'impr"),
        (
            _section("events", _EVENTS, type="", default_type='"click"', types='{ buy = "purchase" }'),
            "events: types says what the names in a column mean",
        ),
        (_section("events", _EVENTS, types='{ buy = "bought" }'), "events.types.buy: Input should be 'impression'"),
        (_section("events", _EVENTS, time_format='"epoch"'), "events: time_format is neither iso, seconds"),
        (
            _section("events", _EVENTS) + _section("items", _ITEMS, categories='["a", "sku"]'),
            "items: column sku is named twice",
        ),
        (
            _section("events", _EVENTS) + _section("items", _ITEMS, price='"p"', attributes='{ p = "number" }'),
            "items: column p is named twice",
        ),
        (
            _section("events", _EVENTS) + _section("items", _ITEMS, attributes='{ p = "float" }'),
            "items.attributes.p: Input should be 'category', 'number' or 'text'",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=rf"log\.toml: {sentence}"):
        _read(tmp_path, text)
