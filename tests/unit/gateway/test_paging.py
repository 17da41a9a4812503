import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.errors import InvalidRequestError
from shortlist.core.keys import item_keys
from shortlist.gateway.catalog_room import with_room, write_id
from shortlist.gateway.paging import MAX_SHOWN, MAX_TOKEN_BYTES, Pages, shown_by, token_of
from shortlist.release.bundle import Release
from shortlist.release.vocabulary import Vocabulary
from support.tiny_release import ITEMS, item_id

VOCABULARY = Vocabulary.build(map(item_id, range(ITEMS)))
KEYS = st.lists(st.binary(min_size=8, max_size=8), max_size=MAX_SHOWN).map(b"".join)
TOKEN = token_of(item_keys(["a", "b"]).tobytes())


def refusal(token: str) -> str:
    """Read a token that must be refused, and tell why."""
    with pytest.raises(InvalidRequestError) as caught:
        shown_by(token)
    assert caught.value.field == "session_token"
    return str(caught.value)


@given(KEYS)
def test_a_token_gives_back_the_keys_that_it_was_made_of(keys: bytes) -> None:
    assert shown_by(token_of(keys)) == keys


def test_the_fullest_token_is_as_long_as_a_request_may_bring() -> None:
    full = token_of(bytes(8 * MAX_SHOWN))
    assert len(full) <= MAX_TOKEN_BYTES < len(token_of(bytes(8 * MAX_SHOWN + 8)))


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_a_token_with_another_character_is_refused(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    if changed != TOKEN:
        assert refusal(changed) == "session_token: is not as an answer gave it"


@given(st.text(min_size=1, max_size=80))
def test_a_text_of_the_caller_s_own_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    "token",
    [
        TOKEN + "=",
        TOKEN[:-1],
        TOKEN * 2,
        base64.urlsafe_b64encode(b"\x02" + base64.urlsafe_b64decode(TOKEN)[1:]).decode(),
        token_of(b"seven b"),
    ],
    ids=["padded", "cut", "twice", "of another version", "of half a key"],
)
def test_a_token_that_no_answer_gave_is_refused(token: str) -> None:
    assert refusal(token) == "session_token: is not as an answer gave it"


def test_a_token_that_is_too_long_is_refused_unread() -> None:
    long = token_of(bytes(8 * MAX_SHOWN + 8))
    assert refusal(long) == f"session_token: must have at most 4096 bytes, got {len(long)}"


def test_the_next_page_knows_the_items_of_all_pages_before() -> None:
    pages = Pages(VOCABULARY)
    first = shown_by(pages.next_token(b"", np.array([2, 5], np.int32)))
    second = shown_by(pages.next_token(first, np.array([9], np.int32)))
    assert second == item_keys([item_id(0), item_id(3), item_id(7)]).tobytes()


def test_after_a_page_without_items_there_is_none() -> None:
    assert Pages(VOCABULARY).next_token(TOKEN.encode(), np.zeros(0, np.int32)) == ""


def test_once_a_token_has_no_room_for_all_that_was_shown_there_is_none() -> None:
    rows = np.array([2, 3], np.int32)
    fits, does_not = bytes(8 * (MAX_SHOWN - 2)), bytes(8 * (MAX_SHOWN - 1))
    assert len(shown_by(Pages(VOCABULARY).next_token(fits, rows))) == 8 * MAX_SHOWN
    assert Pages(VOCABULARY).next_token(does_not, rows) == ""


def test_an_item_that_came_after_the_release_has_its_key(tiny_release: Release) -> None:
    vocabulary = with_room(tiny_release, 2).vocabulary
    pages = Pages(vocabulary)
    for number, new in enumerate(("kettle", "samovar")):
        write_id(vocabulary.ids, ITEMS + number, new)
        rows = np.array([2, ITEMS + number + 2], np.int32)
        assert shown_by(pages.next_token(b"", rows)) == item_keys([item_id(0), new]).tobytes()
