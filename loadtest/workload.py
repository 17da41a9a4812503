"""The work that we and every peer are measured with: made once, kept under var/bench, found again by its parameters.

- 100,000 items (or as many as asked for) whose vectors have rank 14 of 64 plus noise, `workload_draws` says how; a
  query is the mean of a user's 50 events, so it comes from the same model.
- FAISS IVF with the smallest nprobe that finds 0.97 of the 200 nearest; what was measured is in `Workload.facts`, and
  a result without it is none.
- Query tower and int8 ranker (attention over 50 events, then 256-128-1): the project's graphs, untrained.
- 200 candidates, the best 20 answered.
- 100,000 users with rows of 50 events in Redis, called by Zipf(1.0); 10 % of the calls are writes (`arrivals`). A
  write is a SET of the user's row by the load generator itself, whatever system is measured: the peers have no call
  for it.

The release's sources are its tower and what is popular: 120 and 60 proposals, which the ranker takes in tensors of 200
like everyone's.

`python -m loadtest.workload` makes it and prints what it is.
"""

import argparse
import fcntl
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import redis

from loadtest.arrivals import USERS, user_id
from loadtest.workload_build import build
from shortlist.core.arrays import U8
from shortlist.features.keys import user_key
from shortlist.release.bundle import INDEX_NAME, Release

ITEMS = 100_000
SEED = 7
ROOT = Path("var/bench")
LIMIT = 20
"""Items of an answer."""
_FORMAT = 2
"""Counts the changes of what is made: an older folder is not found again."""
_WRITES_A_ROUND_TRIP = 1_000


@dataclass(frozen=True, slots=True)
class PeerFiles:
    """What a server needs that knows nothing of releases. R is the number of items plus 2, item i has row i + 2.

    A user's row in Redis lies at `user_key(user_id)` and is read by `numpy`: 24 bytes of header, then 50 events of 17
    bytes, newest first (dtype [("key", "<u8"), ("time", "<u4"), ("value", "<f4"), ("type", "u1")]), then two float32.

    Args:
        index: FAISS; position p is item row p + 2; nprobe is set in the file.
        query_tower: ONNX: history_embedding (B, 50, 64) float32, history_mask (B, 50) float32, history_type (B, 50)
            int32, history_age (B, 50) float32 in days, user_dense (B, 5) float32, to query (B, 64) float32.
        ranker: ONNX: user_dense (B, 5) float32, history (B, 50) int32 rows, history_type and history_age as above,
            candidates (B, 200) int32 rows, candidate_dense (B, 200, 7) float32, to score (B, 200) float32.
        embeddings: .npy (R, 64) float16.
        columns: .npy (R, 2) float32, the last two columns of candidate_dense; the first are the share of the best
            score and log(1 + rank) of the tower, the same of what is popular, and the share of the category.
        categories: .npy (R, 2) int32.
        keys: .npy (R,) uint64, the keys of events by item row.
        popular: .npy (500,) int32 rows, best first.
        item_ids: .npy (R,) bytes of fixed width.
    """

    index: Path
    query_tower: Path
    ranker: Path
    embeddings: Path
    columns: Path
    categories: Path
    keys: Path
    popular: Path
    item_ids: Path


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload on disk.

    Args:
        folder: Holds `release`, `rows.npy` (users, bytes) uint8, `plain` for peers, and `workload.json`.
        facts: items, users, seed, index, nprobe, recall_at_200, search_us (of one query, one thread),
            candidate_dense (names of its columns).
    """

    folder: Path
    facts: dict[str, Any]

    @property
    def release_dir(self) -> Path:
        """The release, as our gateway serves it."""
        return self.folder / "release"

    @property
    def rows_path(self) -> Path:
        """The user rows, as the generator writes them."""
        return self.folder / "rows.npy"

    @property
    def users(self) -> int:
        """Count the users."""
        return int(self.facts["users"])

    def rows(self) -> U8:
        """Map the user rows: (users, bytes of a row) uint8."""
        rows: U8 = np.load(self.rows_path, mmap_mode="r", allow_pickle=False)
        return rows

    def peer_files(self) -> PeerFiles:
        """List what a peer reads."""
        manifest = Release.open(self.release_dir).manifest
        names = ("embeddings", "columns", "categories", "keys", "popular", "item_ids")
        return PeerFiles(
            self.release_dir / INDEX_NAME,
            self.release_dir / manifest.query_tower.file,
            self.release_dir / manifest.ranker.file,
            *(self.folder / "plain" / f"{name}.npy" for name in names),
        )

    def fill(self, redis_url: str) -> None:
        """Write every user's row into Redis; what else it holds stays."""
        rows = self.rows()
        with redis.Redis.from_url(redis_url) as client:
            for start in range(0, len(rows), _WRITES_A_ROUND_TRIP):
                pipeline = client.pipeline(transaction=False)
                for user, row in enumerate(rows[start : start + _WRITES_A_ROUND_TRIP], start):
                    pipeline.set(user_key(user_id(user)), row.tobytes())
                pipeline.execute()

    def describe(self) -> str:
        """Say in one line what a figure was measured on."""
        facts = self.facts
        return (
            f"{facts['items']:,} items, {facts['index']} nprobe {facts['nprobe']}, recall@200 "
            f"{facts['recall_at_200']:.3f}, {facts['users']:,} users by Zipf(1.0), seed {facts['seed']}"
        )


def workload(items: int = ITEMS, users: int = USERS, seed: int = SEED, root: Path = ROOT) -> Workload:
    """Open a workload, making it where it is not there yet (half a minute for 100,000 items).

    Args:
        items: In the catalogue.
        users: With rows.
        seed: Draws all of it.
        root: Holds the workloads.
    """
    folder = root / f"workload-{_FORMAT}-{items}-{users}-{seed}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".workload.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two who want it at once make it once
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=root) as unfinished:
                made = Path(unfinished, folder.name)
                made.mkdir()
                build(made, items, users, seed)
                made.rename(folder)
    return Workload(folder, json.loads((folder / "workload.json").read_text()))


def main() -> None:
    """Make a workload and print its facts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    made = workload(arguments.items, arguments.users, arguments.seed)
    print(f"{made.folder}: {made.describe()}")  # noqa: T201  # the command's output


if __name__ == "__main__":
    main()
