"""Where what is known of a user lies: 256 shards, so that it shares a Redis Cluster slot with the shard's events.

A prefix tells who is told of changes: near caches hear of rows, and of nothing else.
"""

import binascii

SHARDS = 256
ROWS = "u:"
"""The prefix of every user row."""
DERIVED = "dv:"
"""The prefix of all that is derived from events."""
_EVENTS = "ev:"
_ASIDE = "aside:"
_BEFORE_USER = len("u:{00}:")


def shard_of(user_id: str) -> int:
    """Compute crc16 (CCITT, as Redis Cluster uses) of the user id, modulo 256."""
    return binascii.crc_hqx(user_id.encode(), 0) % SHARDS


def user_key(user_id: str) -> str:
    """Name the user's row."""
    return f"{ROWS}{_tag(shard_of(user_id))}:{user_id}"


def user_of(key: bytes) -> str:
    """Name the user of a row's key; of a key that is no row's, nobody that exists."""
    return key[_BEFORE_USER:].decode(errors="replace")


def stream_key(shard: int) -> str:
    """Name the stream of a shard's events."""
    return f"{_EVENTS}{_tag(shard)}"


def event_ids_key(user_id: str) -> str:
    """Name what remembers the ids of a user's newest events."""
    return f"{stream_key(shard_of(user_id))}:{user_id}"


def aside_key(user_id: str) -> str:
    """Name where a row of the user goes that cannot be read."""
    return f"{_ASIDE}{_tag(shard_of(user_id))}:{user_id}"


def derived_key(shard: int, part: str) -> str:
    """Name a part of what is derived from a shard's events."""
    return f"{DERIVED}{_tag(shard)}:{part}"


def _tag(shard: int) -> str:
    """Name a shard; the braces make it the cluster's hash tag."""
    return f"{{{shard:02x}}}"
