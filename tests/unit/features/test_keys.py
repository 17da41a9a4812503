from shortlist.features.keys import ROWS, SHARDS, aside_key, event_ids_key, shard_of, stream_key, user_key


def test_the_shard_is_crc16_as_redis_cluster_computes_it() -> None:
    # "123456789" is the check value of CRC-16/XMODEM: 0x31C3.
    assert shard_of("123456789") == 0x31C3 % SHARDS


def test_a_key_carries_its_shard_as_hash_tag() -> None:
    assert user_key("123456789") == "u:{c3}:123456789"


def test_a_user_id_with_braces_cannot_move_the_hash_tag() -> None:
    assert user_key("{a}").startswith(f"u:{{{shard_of('{a}'):02x}}}:")


def test_users_use_all_shards() -> None:
    assert {shard_of(str(number)) for number in range(10_000)} == set(range(SHARDS))


def test_all_that_is_known_of_a_user_shares_a_hash_tag() -> None:
    user = "123456789"
    keys = (user_key(user), event_ids_key(user), aside_key(user), stream_key(shard_of(user)))
    assert keys == (f"u:{{c3}}:{user}", f"ev:{{c3}}:{user}", f"aside:{{c3}}:{user}", "ev:{c3}")


def test_only_rows_are_under_the_prefix_that_near_caches_hear_of() -> None:
    assert user_key("u:").startswith(ROWS)
    assert not event_ids_key("u:").startswith(ROWS)
    assert not aside_key("u:").startswith(ROWS)
    assert not stream_key(0).startswith(ROWS)
