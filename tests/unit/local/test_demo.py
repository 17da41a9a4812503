import pytest

from shortlist.local.demo import HISTORY, demo_users, judge
from shortlist.release.bundle import Release
from shortlist.v1 import recommender_pb2
from support.tiny_release import EVENTS_PER_USER, USERS, category_of, item_id, numbers_in


def answer(*numbers: int) -> recommender_pb2.RecommendResponse:
    """Make an answer of these items."""
    return recommender_pb2.RecommendResponse(
        items=[recommender_pb2.RecommendedItem(item_id=item_id(number)) for number in numbers]
    )


def test_the_smallest_share_of_a_slate_in_the_user_s_categories_counts(tiny_release: Release) -> None:
    food, home = numbers_in("Food"), numbers_in("Home")
    histories = tiny_release.histories()
    catalogue = tiny_release.catalogue
    only_food = next(
        user
        for place, user in enumerate(histories.users)
        if {catalogue.categories_of(int(row))[0] for row in histories.rows[histories.span(place)][:HISTORY]} == {"Food"}
    )

    sense = judge(tiny_release, [only_food, only_food], [answer(*food[:4]), answer(*food[10:13], home[0])])

    assert sense.shared_category == pytest.approx(0.75)
    assert sense.different == 1.0
    assert sense.holds


@pytest.mark.parametrize(("shared", "different"), [(0, 1.0), (2, 0.5), (4, 0.0)])
def test_the_most_alike_pair_of_slates_counts(tiny_release: Release, shared: int, different: float) -> None:
    one, apart = numbers_in(category_of(0))[:4], numbers_in(category_of(1))[:4]

    sense = judge(
        tiny_release,
        ["user-00", "user-06", "user-01"],
        [answer(*one), answer(*one[:shared], *apart[shared:]), answer(*numbers_in(category_of(2))[:4])],
    )

    assert sense.different == pytest.approx(different)


def test_a_single_user_is_alike_nobody(tiny_release: Release) -> None:
    assert judge(tiny_release, ["user-00"], [answer(0, 6)]).different == 1.0


def test_users_are_spread_over_the_release_and_each_once(tiny_release: Release) -> None:
    users = demo_users(tiny_release)

    assert EVENTS_PER_USER < HISTORY  # so all of them are of the richer half
    assert len(set(users)) == len(users) == 10
    assert (users[0], users[-1]) == ("user-00", f"user-{USERS - 1:02}")
