"""Dataset adapters: each turns one published raw log, or a user's own, into a `BehaviourLog`.

To add a dataset, write a module with a function from a path (None where the user gave none) to a `BehaviourLog`, and
name it in `DATASETS`. `files` opens tables, `kinds` says how columns are read, with errors that name the row, and
`sieve` counts what cleaning drops and holds the rules that all share. docs/datasets.md shows what a user sees of it.
"""

from collections.abc import Callable
from pathlib import Path

from shortlist.core.errors import InputError
from shortlist.offline.datasets.completejourney import load_completejourney
from shortlist.offline.datasets.events import load_events
from shortlist.offline.datasets.movielens import load_movielens
from shortlist.offline.datasets.online_retail import load_online_retail
from shortlist.offline.log import BehaviourLog

DATASETS: dict[str, Callable[[Path | None], BehaviourLog]] = {
    "completejourney": load_completejourney,
    "events": load_events,
    "movielens": load_movielens,
    "online-retail": load_online_retail,
}


def load(name: str, path: Path | None = None) -> BehaviourLog:
    """Read a dataset and clean it of what is wrong in it; rare users and items are still there.

    Args:
        name: A key of `DATASETS`.
        path: The raw log's file or folder; None for a dataset that can be fetched.

    Raises:
        InputError: one sentence for the user, about the name, the file, a column or a row.
    """
    if name not in DATASETS:
        raise InputError(f"there is no dataset {name}; known: {', '.join(sorted(DATASETS))}")
    return DATASETS[name](path)
