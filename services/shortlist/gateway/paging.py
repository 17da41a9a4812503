"""Paging without state: a session token holds the keys of the items that the pages before have shown.

Keys name items in every release and on every server, so a token holds across both. It grants nothing: whoever makes one
up leaves items out of their own answer. The version and a CRC-32 tell a damaged one.
"""

import base64
import struct
import zlib

from shortlist.core.arrays import I32
from shortlist.core.errors import InvalidRequestError
from shortlist.core.keys import PADDING_KEY, item_keys
from shortlist.release.vocabulary import Vocabulary

MAX_TOKEN_BYTES = 4096
_VERSION = 1
_HEAD = struct.Struct("<BI")
_KEY_BYTES = 8
MAX_SHOWN = (MAX_TOKEN_BYTES // 4 * 3 - _HEAD.size) // _KEY_BYTES
"""Items that a token has room for."""


def token_of(shown: bytes) -> str:
    """Write keys, 8 bytes each, as a token: base64url without padding."""
    head = _HEAD.pack(_VERSION, zlib.crc32(shown))
    return base64.urlsafe_b64encode(head + shown).rstrip(b"=").decode()


def shown_by(token: str) -> bytes:
    """Read the keys that a token holds, 8 bytes each; InvalidRequestError where it is none, or too long."""
    size = len(token.encode())
    if size > MAX_TOKEN_BYTES:
        raise InvalidRequestError("session_token", f"must have at most {MAX_TOKEN_BYTES} bytes, got {size}")
    try:
        shown = base64.urlsafe_b64decode(token + "=" * (-size % 4))[_HEAD.size :]
    except ValueError:
        shown = b""
    # Written again it must be the same: that checks version, checksum and spelling at once.
    if len(shown) % _KEY_BYTES or token_of(shown) != token:
        raise InvalidRequestError("session_token", "is not as an answer gave it")
    return shown


class Pages:
    """Writes the tokens of answers from one release; safe to call from several threads.

    Args:
        vocabulary: Names items, also those that came after the release.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary, self._keys = vocabulary, vocabulary.keys_by_row().astype("<u8")

    def next_token(self, shown: bytes, rows: I32) -> str:
        """Name the page after one with these (n,) rows; empty where there is none.

        There is none after a page without items, and where the token has no room for all that was shown.
        """
        if not 0 < len(rows) <= MAX_SHOWN - len(shown) // _KEY_BYTES:
            return ""
        keys = self._keys[rows]
        if not keys.all():
            # Items that came after the release: a row that has one keeps it.
            new = rows[keys == PADDING_KEY]
            self._keys[new] = item_keys(self._vocabulary.ids_of(new))
            keys = self._keys[rows]
        return token_of(shown + keys.tobytes())
