"""The live catalogue over the wire: through real Valkey, with gateways that are processes of their own."""

import itertools
import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import grpc
import pytest

from shortlist.release.bundle import Release
from shortlist.v1 import catalog_pb2, recommender_pb2
from support.catalogs import delete, gateway_process, gateways, in_categories, read, upsert
from support.gateways import TIMEOUT_S, Reached, degraded_steps, failure_of, item_ids, serving
from support.real_servers import Valkey
from support.running_cluster import wait_until
from support.tiny_release import DIMENSION, item_id, numbers_in

Item, Attribute = catalog_pb2.Item, catalog_pb2.Attribute
VISIBLE_S = 0.1


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, tiny_release: Release) -> Iterator[Valkey]:
    """Run a Valkey whose catalogue no other test knows."""
    with Valkey(tmp_path_factory.mktemp("catalogue")) as server:
        server.fill(tiny_release)
        yield server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, tiny_release: Release, store: Valkey) -> Iterator[list[Reached]]:
    """Run two gateways."""
    directory = tmp_path_factory.mktemp("pair")
    with gateways(tiny_release, store.url, directory, 2) as reached:
        yield reached


@pytest.fixture(scope="module")
def roomy(tiny_release: Release, valkey: Valkey) -> Iterator[Reached]:
    """Run a gateway that lets large messages in, and two new items."""
    with serving(tiny_release, valkey.url, max_message_bytes=32 * 1024 * 1024, new_items=2) as reached:
        yield reached


def test_a_new_item_is_shown_by_both_gateways_within_a_tenth_of_a_second(pair: list[Reached]) -> None:
    for number in range(10):
        new = f"kettle-{number}"
        upsert(pair[number % 2], Item(item_id=new, title="Tea kettle", categories=["Home", "Kettles"], price=9.5))
        acknowledged = time.monotonic()
        for reached in pair:
            wait_until(
                lambda reached=reached, new=new: new in in_categories(reached, ["Kettles"]), f"{new} is shown", 5
            )
        assert time.monotonic() - acknowledged < VISIBLE_S


def test_a_new_item_says_that_it_is_a_new_arrival(pair: list[Reached]) -> None:
    upsert(pair[0], Item(item_id="samovar", title="Samovar", categories=["Food", "Samovars"]))
    wait_until(lambda: "samovar" in in_categories(pair[1], ["Samovars"]), "the new item is shown")
    condition = recommender_pb2.Filter(include_categories=["Samovars"])
    answer = pair[1].recommend("user-00", limit=5, filter=condition, explain=True)
    assert [(item.item_id, "new_arrivals" in item.sources) for item in answer.items] == [("samovar", True)]
    assert "new_arrivals" in [source.source for source in answer.items[0].explanation.sources]


def test_a_price_and_a_category_filter_find_what_an_item_is_now_on_every_gateway(pair: list[Reached]) -> None:
    item, price = item_id(0), recommender_pb2.PriceRange(min=5000.0, max=6000.0)
    condition = recommender_pb2.Filter(price=price, exclude_seen=False)

    def shown(reached: Reached) -> list[str]:
        return item_ids(reached.recommend("user-00", limit=200, filter=condition))

    assert [shown(reached) for reached in pair] == [[], []]
    upsert(pair[0], Item(item_id=item, title="Tea", categories=["Food", "Luxury"], price=5500.0))
    for reached in pair:
        wait_until(lambda reached=reached: shown(reached) == [item], "the item has its new price", 5)
        assert in_categories(reached, ["Luxury"]) == [item]
        assert item not in in_categories(reached, ["Tea"])
    upsert(pair[1], Item(item_id=item, title="Tea", categories=["Food", "Tea"], price=4.0))
    for reached in pair:
        wait_until(lambda reached=reached: shown(reached) == [], "the item has its old price", 5)
        assert item in in_categories(reached, ["Tea"])


def test_what_cannot_be_had_is_not_shown_until_it_can_be_had_again(pair: list[Reached]) -> None:
    lamps = [item_id(number) for number in numbers_in("Lamps")]
    gone = lamps[:-3]  # 17 of 120: some of them are in every list without a filter
    records = dict(zip(lamps, read(pair[0], *lamps).items, strict=True))
    for name in gone:
        records[name].available = False
    upsert(pair[0], *(records[name] for name in gone))
    for reached in pair:
        wait_until(lambda reached=reached: sorted(in_categories(reached, ["Lamps"])) == lamps[-3:], "three are left", 5)
        answer = reached.recommend("user-03", limit=200, filter=recommender_pb2.Filter(exclude_seen=False))
        assert not set(gone) & set(item_ids(answer))
        near = reached.call_similar(recommender_pb2.SimilarItemsRequest(item_id=lamps[-1], limit=50), timeout=TIMEOUT_S)
        assert not set(gone) & set(item_ids(near))
        assert len(near.items) == 50
    for name in gone:
        records[name].available = True
    upsert(pair[1], *(records[name] for name in gone))
    for reached in pair:
        wait_until(lambda reached=reached: sorted(in_categories(reached, ["Lamps"])) == lamps, "all are back", 5)


def test_what_was_deleted_is_unknown_everywhere_and_comes_back_when_it_is_upserted(pair: list[Reached]) -> None:
    item = item_id(5)
    (before,) = read(pair[0], item).items
    sequence = delete(pair[0], item, "never-heard-of")
    for reached in pair:
        assert item not in in_categories(reached, ["Garden"])
        ranked = reached.call_rank(
            recommender_pb2.RankRequest(user_id="user-00", item_ids=[item, item_id(6)]), timeout=TIMEOUT_S
        )
        assert (item_ids(ranked), list(ranked.unknown_item_ids)) == ([item_id(6)], [item])
        similar = failure_of(reached.call_similar.future(recommender_pb2.SimilarItemsRequest(item_id=item)))
        assert similar.code() is grpc.StatusCode.NOT_FOUND
        found = read(reached, item)
        assert (list(found.unknown_item_ids), found.sequence >= sequence) == ([item], True)
    upsert(pair[1], before)
    for reached in pair:
        wait_until(lambda reached=reached: item in in_categories(reached, ["Garden"]), "the item is back", 5)
        assert list(read(reached, item).items) == [before]


def test_an_item_is_placed_by_its_own_embedding_and_similar_items_find_it(
    pair: list[Reached], tiny_release: Release
) -> None:
    vector = tiny_release.directions(tiny_release.vocabulary.rows_of_ids([item_id(2)]))[0]
    upsert(pair[0], Item(item_id="loaf", title="Loaf", categories=["Loaves"], embedding=vector.tolist()))
    wait_until(lambda: "loaf" in in_categories(pair[1], ["Loaves"]), "the new item is shown")
    for wanted, first in ((item_id(2), "loaf"), ("loaf", item_id(2))):
        near = pair[1].call_similar(recommender_pb2.SimilarItemsRequest(item_id=wanted, limit=3), timeout=TIMEOUT_S)
        assert item_ids(near)[0] == first
        assert near.items[0].score == pytest.approx(1.0, abs=0.01)


def test_a_new_item_in_the_history_counts(pair: list[Reached], tiny_release: Release) -> None:
    vector = tiny_release.directions(tiny_release.vocabulary.rows_of_ids([item_id(4)]))[0]
    upsert(pair[0], Item(item_id="paper-new", title="Paper", categories=["New paper"], embedding=vector.tolist()))
    wait_until(lambda: "paper-new" in in_categories(pair[0], ["New paper"]), "the new item is known")
    answer = pair[0].recommend("nobody", limit=60, session_item_ids=["paper-new"], explain=True)
    assert (answer.cold_start, list(answer.user.recent_item_ids)) == (False, ["paper-new"])
    papers = {item_id(number) for number in numbers_in("Paper")}
    near = {
        item.item_id
        for item in answer.items
        for source in item.explanation.sources
        if source.source == "tower" and source.rank <= 10
    }
    assert near
    assert near <= papers


def test_a_gateway_that_starts_has_what_changed_before(
    pair: list[Reached], tiny_release: Release, store: Valkey, tmp_path: Path
) -> None:
    upsert(pair[0], Item(item_id="early", title="Early bird", categories=["Birds"], price=1.0))
    delete(pair[0], item_id(11))
    with gateway_process(tiny_release, store.url, tmp_path / "late") as (late, _):
        assert in_categories(late, ["Birds"]) == ["early"]
        assert item_id(11) not in in_categories(late, ["Garden"])
        assert not late.recommend("user-00").degraded
    upsert(pair[0], *read_of(tiny_release, 11))


def test_a_release_that_knows_a_new_item_takes_it_out_of_the_index_beside_its_own(
    store: Valkey, pair: list[Reached], tiny_release: Release, tmp_path: Path
) -> None:
    wait_until(lambda: pair[0].count("shortlist_gateway_catalogue_new_items") > 0, "new items")
    with Valkey(tmp_path) as other:
        other.fill(tiny_release)
        with gateway_process(tiny_release, other.url, tmp_path / "next") as (reached, _):
            (known,) = read_of(tiny_release, 8)
            upsert(reached, known)
            wait_until(lambda: reached.count("shortlist_gateway_catalogue_sequence") == 1, "the change is applied")
            assert reached.count("shortlist_gateway_catalogue_new_items") == 0


def read_of(release: Release, number: int) -> list[catalog_pb2.Item]:
    """Describe an item as the release does."""
    row = int(release.vocabulary.rows_of_ids([item_id(number)])[0])
    catalogue = release.catalogue
    return [
        Item(
            item_id=item_id(number),
            title=catalogue.titles[row],
            categories=catalogue.categories_of(row),
            price=float(catalogue.prices[row]),
        )
    ]


class TestATroubledStore:
    def test_a_gateway_without_redis_says_so_and_acknowledges_nothing(
        self, tiny_release: Release, tmp_path: Path
    ) -> None:
        with Valkey(tmp_path) as own:
            own.fill(tiny_release)
            with gateway_process(tiny_release, own.url, tmp_path / "one") as (reached, _):
                delete(reached, item_id(1))
                assert not reached.recommend("user-00").degraded
                own.kill()
                for call in (
                    reached.call_upsert.future(catalog_pb2.UpsertItemsRequest(items=[Item(item_id="lost")])),
                    reached.call_delete.future(catalog_pb2.DeleteItemsRequest(item_ids=[item_id(2)])),
                    reached.call_items.future(catalog_pb2.GetItemsRequest(item_ids=[item_id(1)])),
                ):
                    assert failure_of(call).code() is grpc.StatusCode.UNAVAILABLE
                assert [found.item_id for found in read(reached, item_id(2)).items] == [item_id(2)]
                wait_until(lambda: "STALE_CATALOGUE" in degraded_steps(reached.recommend("user-00")), "a stale answer")
                near = reached.call_similar(recommender_pb2.SimilarItemsRequest(item_id=item_id(2)), timeout=TIMEOUT_S)
                assert degraded_steps(near) == ["STALE_CATALOGUE"]
                assert reached.count("shortlist_gateway_catalogue_in_standing") == 0
                own.start()
                own.fill(tiny_release)
                wait_until(lambda: not reached.recommend("user-00").degraded, "whole answers")

    def test_a_catalogue_that_was_lost_is_noticed_and_what_was_deleted_stays_so(
        self, tiny_release: Release, tmp_path: Path
    ) -> None:
        losses = "shortlist_gateway_catalogue_losses_total"
        with Valkey(tmp_path) as own:
            own.fill(tiny_release)
            with gateway_process(tiny_release, own.url, tmp_path / "one") as (reached, process):
                delete(reached, item_id(0))
                upsert(reached, Item(item_id="new", title="Tea", categories=["New tea"]))
                wait_until(lambda: in_categories(reached, ["New tea"]) == ["new"], "the new item is shown")
                with own.client() as client:
                    client.flushall()
                wait_until(lambda: reached.count(losses) == 1, "the loss is noticed")
                assert process.wrote("the catalogue in the store was lost after change 2")
                wait_until(lambda: reached.count("shortlist_gateway_catalogue_in_standing") == 1, "good standing")
                assert item_id(0) not in in_categories(reached, ["Tea"])
                assert in_categories(reached, ["New tea"], session_item_ids=[item_id(6)]) == ["new"]
                assert delete(reached, item_id(6)) == 1
                assert item_id(6) not in in_categories(reached, ["Tea"])
                assert reached.count(losses) == 1

    def test_a_deletion_waits_for_a_server_that_stands_still_until_its_lease_ends(
        self, tiny_release: Release, tmp_path: Path
    ) -> None:
        with Valkey(tmp_path) as own, ExitStack() as stack:
            own.fill(tiny_release)
            reached, still = (
                stack.enter_context(gateway_process(tiny_release, own.url, tmp_path / name))
                for name in ("one", "other")
            )
            delete(reached[0], "never-heard-of")
            still[1].pause()
            call = reached[0].call_delete.future(catalog_pb2.DeleteItemsRequest(item_ids=[item_id(0)]), timeout=0.5)
            failure = failure_of(call)
            assert failure.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
            delete(reached[0], item_id(0))
            still[1].go_on()
            answer = still[0].recommend("user-00", limit=200, filter=recommender_pb2.Filter(exclude_seen=False))
            assert item_id(0) not in item_ids(answer) or "STALE_CATALOGUE" in degraded_steps(answer)
            wait_until(lambda: not still[0].recommend("user-00").degraded, "good standing")
            assert item_id(0) not in in_categories(still[0], ["Tea"])


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (Item(), "items[0].item_id"),
        (Item(item_id="x" * 257), "items[0].item_id"),
        (Item(item_id="x", title="t" * 1025), "items[0].title"),
        (Item(item_id="x", price=-0.01), "items[0].price"),
        (Item(item_id="x", price=math.nan), "items[0].price"),
        (Item(item_id="x", price=math.inf), "items[0].price"),
        (Item(item_id="x", categories=["c"] * 17), "items[0].categories"),
        (Item(item_id="x", categories=["c", ""]), "items[0].categories[1]"),
        (Item(item_id="x", embedding=[0.5] * (DIMENSION + 1)), "items[0].embedding"),
        (Item(item_id="x", embedding=[0.5] * (DIMENSION - 1) + [math.nan]), "items[0].embedding"),
        (Item(item_id="x", attributes=[Attribute(name="n", number=math.nan)]), "items[0].attributes[0].number"),
        (Item(item_id="x", attributes=[Attribute(name="n")]), "items[0].attributes[0].value"),
        (Item(item_id="x", attributes=[Attribute(text="t")]), "items[0].attributes[0].name"),
        (Item(item_id="x", attributes=[Attribute(name="n", text="t" * 65_537)]), "items[0].attributes[0].text"),
        (Item(item_id="x", attributes=[Attribute(name="n", text="t" * 10_000_000)]), "items[0].attributes[0].text"),
    ],
)
def test_an_item_that_is_wrong_is_refused_by_the_name_of_its_field(
    roomy: Reached, item: catalog_pb2.Item, field: str
) -> None:
    good = Item(item_id="good", categories=["Refused with the bad one"])
    for items, name in (([item], field), ([good, item], field.replace("items[0]", "items[1]"))):
        failure = failure_of(roomy.call_upsert.future(catalog_pb2.UpsertItemsRequest(items=items)))
        assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.details().startswith(f"{name}: ")
    assert list(read(roomy, "good").unknown_item_ids) == ["good"]


def test_more_new_items_than_there_is_room_for_are_refused(roomy: Reached) -> None:
    items = [Item(item_id=f"too-many-{number}") for number in range(3)]
    failure = failure_of(roomy.call_upsert.future(catalog_pb2.UpsertItemsRequest(items=items)))
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.details() == "items: 3 are new, and there is room for 2: they come with the next release"


class Shoppers:
    """Ask gateways for slates without a pause, and note what is shown though it was acknowledged to be gone before.

    Args:
        gateways: Who is asked, each by two shoppers.
    """

    def __init__(self, gateways: list[Reached]) -> None:
        self.gone: set[str] = set()
        self.shown: list[set[str]] = []
        self.degraded: list[int] = []
        self.answers = 0
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(reached,)) for reached in gateways * 2]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, reached: Reached) -> None:
        for turn in itertools.count():
            if self._stopped.is_set():
                return
            gone = set(self.gone)
            answer = reached.recommend(f"user-{turn % 40:02}", limit=200)
            categories = in_categories(reached, ["Tea", "Lamps", "Kettles"])
            self.answers += 2
            self.degraded.extend(answer.degraded)
            if wrong := gone & {*item_ids(answer), *categories}:
                self.shown.append(wrong)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("calls", [50, pytest.param(1_000, marks=pytest.mark.slow)])
def test_no_answer_shows_an_item_after_its_deletion_was_acknowledged(
    tiny_release: Release, tmp_path: Path, calls: int
) -> None:
    new = [f"new-{number}" for number in range(900)]
    doomed = [*new, *(item_id(number) for number in range(100))]
    with Valkey(tmp_path) as valkey, ExitStack() as stack:
        valkey.fill(tiny_release)
        three = stack.enter_context(gateways(tiny_release, valkey.url, tmp_path, 3))
        upsert(three[0], *(Item(item_id=name, title="Tea kettle", categories=["Home", "Kettles"]) for name in new))
        for reached in three:
            wait_until(lambda reached=reached: len(in_categories(reached, ["Kettles"])) > 50, "new items are shown")
        shoppers = stack.enter_context(Shoppers(three))
        size = len(doomed) // calls
        for call in range(calls):
            ids = doomed[call * size : (call + 1) * size]
            delete(three[call % 3], *ids)
            shoppers.gone.update(ids)
            assert not set(ids) & set(in_categories(three[(call + 1) % 3], ["Kettles", "Tea", "Lamps"]))
        shown = {name for reached in three for name in in_categories(reached, ["Food", "Home", "Kettles"])}
        assert (shoppers.shown, shoppers.degraded) == ([], [])
        assert shoppers.answers > calls
        assert shown == {item_id(number) for number in range(100, 120)}
        assert list(read(three[0], *doomed[-3:]).unknown_item_ids) == doomed[-3:]
