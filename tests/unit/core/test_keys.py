import numpy as np

from shortlist.core.keys import item_key, item_keys


def test_a_key_is_the_first_eight_bytes_of_blake2b_little_endian() -> None:
    # Stored user rows hold these numbers: the function may never change.
    assert item_key("item-001") == 0x34AB62EF57491979
    assert item_key("é") == 0x2F19F3EF8BBF1ACB


def test_keys_come_in_the_order_of_the_ids() -> None:
    keys = item_keys(["b", "a"])
    assert keys.dtype == np.uint64
    assert keys.tolist() == [item_key("b"), item_key("a")]


def test_no_ids_make_no_keys() -> None:
    assert item_keys([]).shape == (0,)
