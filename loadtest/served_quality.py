"""`make quality`, its last measurement: whether the gateway's answers are as good as the offline figures say.

Each exam's first release is served by a real cluster, its test users are asked for at the moment of the cut, and the
answers are measured as the offline lists are. Written to `served.json` in the exam's work folder; delete it to have it
measured again.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.served_lists import answers_of, bought_beyond, fill_store, lists_of, requests_of
from loadtest.serving import FREE
from shortlist.core.errors import ShortlistError
from shortlist.gateway.requests import MAX_EXCLUDED_ITEMS
from shortlist.local.embedded import PROGRAMS, RankerChoice, embedded_cluster
from shortlist.offline import datasets
from shortlist.offline import served as offline_served
from shortlist.offline.exams import EXAMS, Exam
from shortlist.offline.kept import write_whole
from shortlist.offline.measure import Quality, Ruler, check_unseen
from shortlist.offline.protocol import Trial
from shortlist.offline.requests import histories_at
from shortlist.release.bundle import Release

SERVED_NAME = "served.json"
COMPARED = ("ndcg_at_10", "hit_rate_at_10", "recall_at_200")
_SHOWN = 10
# A busy machine is no fault of the release.
_PATIENT = replace(
    PROGRAMS,
    gateway=("env", "SHORTLIST_FEATURES_TIMEOUT_S=5", "SHORTLIST_RANKING_TIMEOUT_S=5", *PROGRAMS.gateway),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same users through the gateway and offline.

    Args:
        served: Of the gateway's answers.
        offline: Of the lists that `serve` makes.
        same_shown: Share of users whose ten items are the same in the same order.
        users: How many were asked for.
        beyond_limit: How many of them bought more than a stored row and a request's exclusions can hold together.
    """

    served: Quality
    offline: Quality
    same_shown: float
    users: int
    beyond_limit: int

    def numbers(self) -> dict[str, float]:
        """Name what is kept of it."""
        return {
            **{name: getattr(self.served, name) for name in COMPARED},
            **{f"offline_{name}": getattr(self.offline, name) for name in COMPARED},
            "same_shown": self.same_shown,
            "users": self.users,
            "beyond_limit": self.beyond_limit,
        }


def compare(release: Release, trial: Trial, gateway: str, redis_url: str) -> Comparison:
    """Measure a release through a gateway that serves it, and offline.

    Args:
        release: The release.
        trial: Who is asked for; lies after all that the release knows.
        gateway: The gateway's address, host:port.
        redis_url: Its online store, whose rows of the trial's users are replaced.

    Raises:
        UnavailableError: the store or the gateway did not answer, or an answer is degraded.
    """
    histories = histories_at(trial.past, trial.at_s)
    fill_store(redis_url, trial, histories)
    beyond = bought_beyond(trial, histories)
    served = lists_of(answers_of(gateway, requests_of(trial, beyond)), release.vocabulary)
    offline = offline_served.serve(release, *offline_served.requests_of(trial)).ranked
    ruler = Ruler(trial, release.directions(slice(None)))
    return Comparison(
        ruler.measure(served).quality,
        ruler.measure(offline).quality,
        same_shown=float((served[:, :_SHOWN] == offline[:, :_SHOWN]).all(axis=1).mean()),
        users=len(served),
        beyond_limit=sum(len(rows) > MAX_EXCLUDED_ITEMS for rows in beyond),
    )


def run_exam(exam: Exam, release: Release, console: Console) -> tuple[Comparison, str]:
    """Serve a release by a cluster of its own and compare; tell also who ranked.

    Raises:
        InputError: the release saw what it would be tested on.
        StartError: the cluster does not start.
        UnavailableError: a part of it did not answer as it should.
    """
    check_unseen(release, exam.split)
    with embedded_cluster(release.path, FREE, RankerChoice.AUTO, console, programs=_PATIENT) as (_, addresses):
        return compare(release, exam.trial(), addresses.gateway, addresses.redis), addresses.ranker


def table_of(comparison: Comparison) -> Table:
    """Lay out the two sides and how far they are apart."""
    table = Table("metric", "served", "offline", "difference")
    for name in COMPARED:
        served, offline = getattr(comparison.served, name), getattr(comparison.offline, name)
        table.add_row(name, f"{served:.5f}", f"{offline:.5f}", f"{served - offline:+.5f}")
    return table


def _first_release(folder: Path) -> tuple[int, Path] | None:
    """Find the release of the lowest seed."""
    return min(((int(path.name.removeprefix("release-")), path) for path in folder.glob("release-*")), default=None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in dict.fromkeys(exam.dataset for exam in EXAMS):
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help="the raw log; without it, not measured")
    parser.add_argument("--exam", action="append", choices=[exam.name for exam in EXAMS], help="only this; repeat")
    parser.add_argument("--work", type=Path, default=Path("var/quality"), help="where releases and results are kept")
    return parser.parse_args()


def main() -> int:
    """Measure the exams whose log is given and whose release is kept, if not done yet; 1 where an exam failed."""
    arguments, console, failed = _arguments(), Console(stderr=True), 0
    for exam in EXAMS:
        path, folder = getattr(arguments, exam.dataset.replace("-", "_")), arguments.work / exam.name
        is_asked = (path is not None or exam.is_fetched) and (not arguments.exam or exam.name in arguments.exam)
        kept = _first_release(folder)
        if not is_asked or kept is None or (folder / SERVED_NAME).exists():
            continue
        seed, release_dir = kept
        try:
            log = datasets.load(exam.dataset, path)
            comparison, ranker = run_exam(exam.set_up(log), Release.open(release_dir), console)
        except ShortlistError as error:
            failed = 1
            console.print(f"{exam.name}: {error}", markup=False)
            continue
        write_whole(folder / SERVED_NAME, {"seed": seed, **comparison.numbers()})
        console.print(f"{exam.name}, seed {seed}: {comparison.users:,} users, ranked by {ranker}, no answer degraded")
        console.print(table_of(comparison))
        console.print(
            f"The same ten items in the same order for {comparison.same_shown:.2%} of the users; "
            f"{comparison.beyond_limit:,} of them bought more than row and request can exclude."
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
