"""Of HPACK (RFC 7541) what tells a call's outcome: `:status`, `grpc-status` and the like out of a block of headers.

The generator sets the dynamic table's size to 0, so that a block means the same wherever it comes and can be looked up
by its bytes, and an encoder may only refer to the static table.
"""

from functools import lru_cache

_STATUS = {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}
"""Entries of the static table with the name `:status`; nothing else in it is asked for."""
_STATIC_SIZE = 61
_CODES = (
    (5, "012aceiost"),
    (6, " %-./3456789=A_bdfghlmnpru"),
    (7, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, "&*,;XZ"),
    (10, '!"()?'),
    (11, "'+|"),
    (12, "#>"),
    (13, "\0$@[]~"),
    (14, "^}"),
    (15, "<`{"),
    (19, "\\"),
)
"""Appendix B by length in bits, in the order of the codes, as far as it is ASCII: the code is canonical."""


class HpackError(ValueError):
    """A block that is cut short, or refers to a table that there is not."""


def _code_table() -> dict[tuple[int, int], str]:
    """Number the codes: (length in bits, code) to character."""
    table: dict[tuple[int, int], str] = {}
    code = before = 0
    for length, characters in _CODES:
        code <<= length - before
        for character in characters:
            table[length, code] = character
            code += 1
        before = length
    return table


_CHARACTERS = _code_table()


@lru_cache(maxsize=4096)
def fields(block: bytes) -> dict[str, str]:
    """Decode a block's named fields, and `:status`; other references to the static table are passed over.

    Raises:
        HpackError: it cannot be read.
    """
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            first = block[at]
            if first & 0x80:  # an indexed field
                index, at = _integer(block, at, 7)
                _refer(index, found)
            elif first & 0xE0 == 0x20:  # the table's size
                _, at = _integer(block, at, 5)
            else:  # a literal, to be indexed, or not, or never
                index, at = _integer(block, at, 6 if first & 0x40 else 4)
                name = ":status" if index in _STATUS else ""
                if index > _STATIC_SIZE:
                    raise HpackError("a reference to the dynamic table, whose size was set to 0")
                if index == 0:
                    name, at = _text(block, at)
                value, at = _text(block, at)
                if name:
                    found[name] = value
    except IndexError as error:
        raise HpackError("a block of headers that is cut short") from error
    return found


def _refer(index: int, found: dict[str, str]) -> None:
    if not 0 < index <= _STATIC_SIZE:
        raise HpackError("a reference to the dynamic table, whose size was set to 0")
    if index in _STATUS:
        found[":status"] = _STATUS[index]


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """Read an integer whose first byte has so many bits for it; give it and where it ends."""
    limit = (1 << bits) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 28:
            raise HpackError("an integer of more than 32 bits")


def _text(block: bytes, at: int) -> tuple[str, int]:
    is_huffman = block[at] & 0x80
    size, at = _integer(block, at, 7)
    coded = block[at : at + size]
    if len(coded) < size:
        raise HpackError("a block of headers that is cut short")
    return _unpacked(coded) if is_huffman else coded.decode("latin-1"), at + size


def _unpacked(coded: bytes) -> str:
    """Decode Huffman; what is not ASCII ends the text, as nothing that is asked for holds it."""
    text, code, length = [], 0, 0
    for byte in coded:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            if (character := _CHARACTERS.get((length, code))) is not None:
                text.append(character)
                code = length = 0
    return "".join(text)


def literal(name: str, value: str) -> bytes:
    """Encode a field without a table and without Huffman (6.2.2); both shorter than 127 bytes."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
