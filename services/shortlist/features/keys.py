"""Where a user's row lies: 256 shards, so that the row and the event stream of a user share a Redis Cluster slot."""

import binascii

SHARDS = 256
ROWS = "u:"
"""The prefix of every user row."""
_BEFORE_USER = len("u:{00}:")


def shard_of(user_id: str) -> int:
    """Compute crc16 (CCITT, as Redis Cluster uses) of the user id, modulo 256."""
    return binascii.crc_hqx(user_id.encode(), 0) % SHARDS


def user_key(user_id: str) -> str:
    """Name the user's row. The braces make the shard the cluster's hash tag."""
    return f"{ROWS}{{{shard_of(user_id):02x}}}:{user_id}"


def user_of(key: bytes) -> str:
    """Name the user of a row's key; of a key that is no row's, nobody that exists."""
    return key[_BEFORE_USER:].decode(errors="replace")
