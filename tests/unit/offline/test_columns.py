import numpy as np

from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.columns import ITEM_COLUMNS, decayed_buyers, item_columns, popular_items
from shortlist.offline.interactions import Interactions
from support.tiny_logs import DAY_S, START_S, tiny_log

LOG = tiny_log()
ALL = Interactions.of(LOG, until_s=START_S + 120 * DAY_S)
CATALOGUE = catalogue_of(LOG.items, ALL.vocabulary)
MOMENT = START_S + 60 * DAY_S


def test_no_column_sees_its_own_future() -> None:
    with_future = item_columns(ALL, CATALOGUE, MOMENT)
    without = item_columns(ALL.before(MOMENT), CATALOGUE, MOMENT)
    np.testing.assert_array_equal(with_future, without)
    assert popular_items(ALL, MOMENT, 20).tolist() == popular_items(ALL.before(MOMENT), MOMENT, 20).tolist()


def test_a_buyer_counts_once_by_the_newest_purchase() -> None:
    item = FIRST_ITEM_ROW
    of_item = (ALL.rows == item) & (ALL.times < MOMENT)
    newest = {user: ALL.times[of_item & (ALL.users == user)].max() for user in np.unique(ALL.users[of_item])}
    expected = sum(2 ** (-(MOMENT - time_s) / DAY_S / 7) for time_s in newest.values())
    np.testing.assert_allclose(decayed_buyers(ALL, MOMENT, 7)[item], expected)


def test_every_column_is_finite_and_zero_for_what_was_not_sold_yet() -> None:
    early = START_S + DAY_S
    columns = item_columns(ALL, CATALOGUE, early)
    assert columns.shape == (ALL.row_count, len(ITEM_COLUMNS))
    assert np.isfinite(columns).all()
    assert not columns[ALL.before(early).known_rows() :].any()


def test_what_was_known_at_a_moment_is_a_prefix_of_the_rows() -> None:
    early = ALL.before(START_S + 2 * DAY_S)
    assert set(early.rows.tolist()) == set(range(FIRST_ITEM_ROW, early.known_rows()))
