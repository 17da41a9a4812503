import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.keys import PADDING_KEY, item_key
from shortlist.release.strings import StringTable
from shortlist.release.vocabulary import Vocabulary

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
IDS = st.lists(TEXT.filter(bool), unique=True, max_size=20)


@given(st.lists(TEXT, max_size=20))
def test_a_string_table_gives_back_what_was_packed(strings: list[str]) -> None:
    table = StringTable.from_arrays("t", StringTable.pack(strings).arrays("t"))
    assert list(table) == strings


@given(IDS, st.lists(TEXT.filter(bool), max_size=10))
def test_a_vocabulary_finds_its_own_ids_and_no_others(known: list[str], asked: list[str]) -> None:
    vocabulary = Vocabulary.from_arrays(Vocabulary.build(known).arrays())
    rows = {item_id: place + 2 for place, item_id in enumerate(known)}
    wanted = [*known, *asked]
    assert vocabulary.rows_of_ids(wanted).tolist() == [rows.get(item_id, 1) for item_id in wanted]


@given(IDS.filter(bool))
def test_ids_and_rows_are_one_to_one(known: list[str]) -> None:
    vocabulary = Vocabulary.build(known)
    assert [vocabulary.id_of(row) for row in vocabulary.rows_of_ids(known).tolist()] == known


@given(IDS, st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=10))
def test_any_key_maps_to_padding_unknown_or_its_item(known: list[str], keys: list[int]) -> None:
    vocabulary = Vocabulary.build(known)
    rows_by_key = {item_key(item_id): place + 2 for place, item_id in enumerate(known)} | {PADDING_KEY: 0}
    mixed = np.array([*keys, *rows_by_key], np.uint64).reshape(1, -1)
    expected = [rows_by_key.get(key, 1) for key in mixed[0].tolist()]
    assert vocabulary.rows_of_keys(mixed).tolist() == [expected]
