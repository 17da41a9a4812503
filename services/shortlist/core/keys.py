"""Item keys: the 64-bit names under which user rows store items, independent of any release."""

import hashlib
from collections.abc import Iterable

import numpy as np

from shortlist.core.arrays import U64

PADDING_KEY = 0


def digest(text: str) -> bytes:
    """Hash a text into 8 bytes: blake2b-64 (RFC 7693)."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def item_key(item_id: str) -> int:
    """Read an item id's digest as a number, little-endian; collisions are checked when a release is built."""
    return int.from_bytes(digest(item_id), "little")


def item_keys(item_ids: Iterable[str]) -> U64:
    """Hash ids into an array in their order."""
    return np.fromiter((item_key(item_id) for item_id in item_ids), np.uint64)
