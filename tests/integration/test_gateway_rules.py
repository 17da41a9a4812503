"""Rules of a running gateway: a file that changes under it, real Valkey, the tiny release."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortlist.core.errors import StartError
from shortlist.release.bundle import Release
from shortlist.v1 import recommender_pb2
from support.gateways import TIMEOUT_S, Reached, item_ids, serving
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import item_id, numbers_in

USERS = ("user-00", "user-01", "nobody")
RELOADS = "shortlist_gateway_rules_reloads_total"
PIN = '[[pin]]\nname = "launch"\nitem = "{}"\nposition = 1\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file that pins item 110."""
    written = tmp_path / "rules.toml"
    written.write_text(PIN.format(item_id(110)))
    return written


@pytest.fixture
def ruled(tiny_release: Release, valkey: Valkey, path: Path) -> Iterator[Reached]:
    """Run a gateway with it."""
    with serving(tiny_release, valkey.url, rules=str(path)) as reached:
        yield reached


def put(path: Path, text: str) -> None:
    """Replace the file whole, as the gateway may look at any moment."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def first(reached: Reached) -> set[str]:
    """Name the items that stand first for any of the users."""
    return {item_ids(reached.recommend(user, limit=5))[0] for user in USERS}


def test_a_changed_file_changes_the_answers_and_a_wrong_one_does_not(ruled: Reached, path: Path) -> None:
    assert first(ruled) == {item_id(110)}
    assert ruled.count("shortlist_gateway_rules") == 1

    put(path, PIN.format(item_id(111)) + '[[cap]]\nname = "one a category"\nlevel = 2\nmost = 1\n')
    wait_until(lambda: ruled.count(RELOADS, outcome="applied") == 1, "the new file is read")

    assert first(ruled) == {item_id(111)}
    for user in USERS:
        listed = item_ids(ruled.recommend(user, limit=6))
        categories = [int(name.removeprefix("item-")) % 6 for name in listed]
        assert len(set(categories)) == len(categories) > 1
    assert ruled.count("shortlist_gateway_rules") == 2

    put(path, PIN.format(item_id(112)) + PIN.format(item_id(113)).replace("launch", "spring"))
    wait_until(lambda: ruled.count(RELOADS, outcome="refused") == 1, "the wrong file is refused")

    assert first(ruled) == {item_id(111)}
    assert ruled.count("shortlist_gateway_rules") == 2

    put(path, "")
    wait_until(lambda: ruled.count(RELOADS, outcome="applied") == 2, "the empty file is read")

    assert item_id(111) not in first(ruled)


def test_an_explanation_names_the_rules(ruled: Reached) -> None:
    items = ruled.recommend("user-00", limit=3, explain=True).items

    assert [list(item.explanation.rules) for item in items] == [["launch"], [], []]


def test_diversity_is_served_in_single_calls_and_in_batches(ruled: Reached) -> None:
    lamps = [item_id(number) for number in numbers_in("Lamps")[:6]]
    requests = [
        recommender_pb2.RecommendRequest(user_id="somebody-new", session_item_ids=lamps, limit=8, diversity=diversity)
        for diversity in (0.0, 1.0)
    ]

    alike, diverse = (item_ids(ruled.call(request, timeout=TIMEOUT_S)) for request in requests)
    batch = ruled.call_batch(recommender_pb2.RecommendBatchRequest(requests=requests), timeout=TIMEOUT_S)

    def categories(listed: list[str]) -> int:
        return len({int(name.removeprefix("item-")) % 6 for name in listed})

    assert categories(diverse) > categories(alike)
    assert [item_ids(result.response) for result in batch.results] == [alike, diverse]


def test_a_gateway_does_not_start_with_a_wrong_file(tiny_release: Release, valkey: Valkey, path: Path) -> None:
    path.write_text("[[caps]]\n")

    with (
        pytest.raises(StartError, match=r"SHORTLIST_GATEWAY_RULES: .*there is no rule caps"),
        serving(tiny_release, valkey.url, rules=str(path)),
    ):
        pass
