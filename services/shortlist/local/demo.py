"""`make demo`: the embedded cluster on a release, recommendations for some of its users, a check of their sense.

Then a user buys something and an item is taken off, and it is shown what that changed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from shortlist.client import Client
from shortlist.core.errors import StartError
from shortlist.local.embedded import Addresses, RankerChoice, embedded_cluster
from shortlist.local.live_demo import show_deletion, show_purchase
from shortlist.local.ports import Ports
from shortlist.local.signals import ended_by_signals
from shortlist.release.bundle import Release
from shortlist.screen.answers import console_of_answers, show_answer
from shortlist.v1 import recommender_pb2

USERS = 10
USERS_SHOWN = 3
LIMIT = 10
HISTORY = 20
LEAST_SHARED_CATEGORY = 0.6
LEAST_DIFFERENT = 0.5


@dataclass(frozen=True, slots=True)
class Sense:
    """Whether slates look like recommendations.

    Args:
        shared_category: The smallest share, over the users, of a slate's items that are in a category of the user's
            last 20 purchases.
        different: The smallest share, over the pairs of users, of a slate's items that the other slate lacks.
    """

    shared_category: float
    different: float

    @property
    def holds(self) -> bool:
        """Whether both reach what is promised."""
        return self.shared_category >= LEAST_SHARED_CATEGORY and self.different >= LEAST_DIFFERENT


def demo(release_dir: Path, *, once: bool) -> None:
    """Run the demo; with `once` it ends after the answers, on ports that are free.

    Raises:
        StartError: the cluster does not start, or the answers make no sense or do not know what happened.
    """
    console, progress = console_of_answers(), Console(stderr=True)
    release = Release.open(release_dir)
    free = Ports(0, 0, 0, 0, 0, 0)
    ports = free if once else Ports(redis=0, triton_http=0, triton_grpc=0, triton_metrics=0)
    with (
        ended_by_signals(),
        embedded_cluster(release_dir, ports, RankerChoice.AUTO, progress) as (cluster, addresses),
    ):
        users = demo_users(release)
        with Client(addresses.gateway, caller="demo", timeout_s=5.0) as client:
            answers = [client.recommend(user, limit=LIMIT, explain=True) for user in users]
            for user, answer in list(zip(users, answers, strict=True))[:USERS_SHOWN]:
                show_answer(console, client, user, answer)
                console.print()
            sense = judge(release, users, answers)
            console.print(_verdict(sense, answers))
            after = show_purchase(console, client, users, answers)
            show_deletion(console, client, users[0], after)
        console.print(_addresses(addresses), _commands(addresses, users[0], answers[0].items[0].item_id), sep="\n")
        if not sense.holds:
            raise StartError("the demo's answers make no sense: see the check above")
        if not once:
            console.print("Ctrl-C stops the cluster.", style="dim")
            sys.stdout.flush()
            cluster.watch()


def demo_users(release: Release) -> list[str]:
    """Pick users spread over the half with the longer histories: what they like is known."""
    histories = release.histories()
    counts = np.diff(histories.offsets)
    able = np.flatnonzero(counts >= np.median(counts))
    chosen = able[np.linspace(0, len(able) - 1, min(USERS, len(able))).astype(int)]
    return [histories.users[int(user)] for user in chosen]


def judge(release: Release, users: Sequence[str], answers: Sequence[recommender_pb2.RecommendResponse]) -> Sense:
    """Compare each slate's most general categories with those of the user's last 20 purchases, and slates by pairs."""
    histories, categories = release.histories(), release.catalogue.categories[:, 0]
    places = {user: place for place, user in enumerate(histories.users)}
    slates = [release.vocabulary.rows_of_ids(item.item_id for item in answer.items) for answer in answers]
    shared = [
        float(np.isin(categories[slate], categories[histories.rows[histories.span(places[user])][:HISTORY]]).mean())
        for user, slate in zip(users, slates, strict=True)
    ]
    different = [
        1.0 - len(np.intersect1d(one, other)) / max(len(one), 1)
        for place, one in enumerate(slates)
        for other in slates[place + 1 :]
    ]
    return Sense(min(shared), min(different, default=1.0))


def _verdict(sense: Sense, answers: Sequence[recommender_pb2.RecommendResponse]) -> str:
    rankers = sorted({answer.ranker or "nobody" for answer in answers})
    return (
        f"check over {len(answers)} users {'holds' if sense.holds else 'FAILS'}, ranked by {', '.join(rankers)}:\n"
        f"  at least {sense.shared_category:.0%} of a slate shares a category with the user's last {HISTORY} purchases "
        f"({LEAST_SHARED_CATEGORY:.0%} promised)\n"
        f"  slates differ pairwise in at least {sense.different:.0%} of their items ({LEAST_DIFFERENT:.0%} promised)\n"
    )


def _addresses(addresses: Addresses) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in ("gateway", "metrics", "redis", "triton_grpc", "logs"):
        value = getattr(addresses, name)
        if value is not None:
            table.add_row(name.replace("_", " "), value)
    return table


def _commands(addresses: Addresses, user: str, item: str) -> str:
    where = "" if addresses.gateway.endswith(f":{Ports().gateway}") else f" --gateway {addresses.gateway}"
    return (
        "\ngo on with (in another terminal):\n"
        f"  .venv/bin/shortlist recommend {user} --explain{where}\n"
        f"  .venv/bin/shortlist recommend somebody-new{where}\n"
        f"  .venv/bin/shortlist record somebody-new {item} --type purchase{where}\n"
        f"  .venv/bin/shortlist items delete {item}{where}\n"
        f"  curl -s {addresses.metrics} | grep stage_seconds"
    )
