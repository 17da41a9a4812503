import pytest

from shortlist.local.live_demo import Change


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("abc", "abc", Change((), (), 0)),
        ("abc", "xab", Change(("x",), ("c",), 2)),
        ("abc", "cba", Change((), (), 2)),
        ("abc", "xy", Change(("x", "y"), ("a", "b", "c"), 0)),
        ("", "a", Change(("a",), (), 0)),
    ],
)
def test_what_changed_between_two_slates_is_new_gone_or_moved(before: str, after: str, change: Change) -> None:
    assert Change.between(list(before), list(after)) == change
