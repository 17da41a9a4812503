"""Fill an online store with the histories that came with a release: `python -m shortlist.features.seed RELEASE`.

The store is that of SHORTLIST_FEATURES_REDIS_URL. Users who have a row keep it: what they did since is in it.

A release is trained on a log that may be years old. Ages are relative to now, so the log is moved in time by whole
days until its end is today: the store looks as it did when the models were trained.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from shortlist.core.errors import ShortlistError
from shortlist.features.config import FeatureSettings
from shortlist.features.encode import SECONDS_A_DAY, counters_of
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import EVENT_DTYPE, UserRow
from shortlist.release.bundle import Release
from shortlist.release.histories import Histories
from shortlist.release.vocabulary import Vocabulary

_TIMEOUT_S = 5.0  # of a round trip; nobody waits for an answer here


def user_rows(
    histories: Histories, vocabulary: Vocabulary, log_end_s: float, now_s: float
) -> Iterator[tuple[str, UserRow]]:
    """Turn histories into stored rows as of `now_s`, moving the log by whole days so that it ends then.

    Args:
        histories: Users' events by item row.
        vocabulary: Names the items.
        log_end_s: The end of the log, seconds since 1970.
        now_s: The moment that stands for the log's end.
    """
    shift = int((now_s - log_end_s) // SECONDS_A_DAY * SECONDS_A_DAY)
    keys = vocabulary.keys_by_row()
    events = np.zeros(len(histories.rows), EVENT_DTYPE)
    events["key"] = keys[histories.rows]
    events["time"] = histories.times + shift
    events["type"] = histories.types
    events["value"] = histories.values
    for user, user_id in enumerate(histories.users):
        own = events[histories.span(user)]
        yield user_id, UserRow(own, 1, counters_of(own, int(now_s)), int(now_s))


def seed(release: Release, store: RedisUserStore) -> int:
    """Write the rows of a release's users who have none; return how many these were."""
    log_end_s = release.manifest.trained_until.timestamp()
    return store.add(user_rows(release.histories(), release.vocabulary, log_end_s, time.time()))


def main(arguments: list[str]) -> int:
    """Run the command; 2 where the arguments are wrong, 1 where it fails with one sentence."""
    if len(arguments) != 1:
        print("usage: python -m shortlist.features.seed RELEASE_DIR", file=sys.stderr)  # noqa: T201
        return 2
    try:
        settings = FeatureSettings(timeout_s=_TIMEOUT_S)
        with closing(RedisUserStore.connect(settings, connections=1)) as store:
            count = seed(Release.open(Path(arguments[0])), store)
    except ShortlistError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{count} user rows written")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
