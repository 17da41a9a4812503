"""Where a user's row lies: 256 shards, so that the row and the event stream of a user share a Redis Cluster slot."""

import binascii

SHARDS = 256


def shard_of(user_id: str) -> int:
    """Compute crc16 (CCITT, as Redis Cluster uses) of the user id, modulo 256."""
    return binascii.crc_hqx(user_id.encode(), 0) % SHARDS


def user_key(user_id: str) -> str:
    """Name the user's row. The braces make the shard the cluster's hash tag."""
    return f"u:{{{shard_of(user_id):02x}}}:{user_id}"
