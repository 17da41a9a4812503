"""Headers: what RFC 7541 gives as examples is read as it says, and what cannot be read is an error."""

import pytest
from loadtest.generator.hpack import HpackError, fields, literal


def test_a_literal_is_read_back() -> None:
    assert fields(literal("grpc-status", "14") + literal("grpc-message", "no room")) == {
        "grpc-status": "14",
        "grpc-message": "no room",
    }


@pytest.mark.parametrize(
    ("coded", "text"),
    [
        ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
        ("6402", "302"),
        ("aec3771a4b", "private"),
        ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ],
)
def test_huffman_texts_of_the_rfc_are_read(coded: str, text: str) -> None:
    value = bytes.fromhex(coded)
    block = b"\x00\x01x" + bytes((0x80 | len(value),)) + value
    assert fields(block) == {"x": text}


def test_a_status_of_the_static_table_is_read_and_its_other_entries_are_passed_over() -> None:
    assert fields(b"\x88\x90") == {":status": "200"}
    assert fields(b"\x08\x03503") == {":status": "503"}, "a literal whose name is in the table"


def test_the_announcement_of_an_empty_table_is_passed_over() -> None:
    assert fields(b"\x20\x88") == {":status": "200"}


@pytest.mark.parametrize(
    "block",
    [b"\xbe", b"\x00\x05ab", b"\x00\x01a\x7f", b"\x80", b"\x00\x7f\xff\xff\xff\xff\xff\xff"],
    ids=["dynamic", "short-name", "short-value", "entry-0", "endless-integer"],
)
def test_what_cannot_be_read_is_an_error(block: bytes) -> None:
    with pytest.raises(HpackError):
        fields(block)
