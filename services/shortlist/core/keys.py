"""Item keys: the 64-bit names under which user rows store items, independent of any release."""

import hashlib
from collections.abc import Iterable

import numpy as np

from shortlist.core.arrays import U64

PADDING_KEY = 0


def item_key(item_id: str) -> int:
    """Hash an item id with blake2b-64 (RFC 7693), little-endian; collisions are checked when a release is built."""
    return int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest(), "little")


def item_keys(item_ids: Iterable[str]) -> U64:
    """Hash ids into an array in their order."""
    return np.fromiter((item_key(item_id) for item_id in item_ids), np.uint64)
