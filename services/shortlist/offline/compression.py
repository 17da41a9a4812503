"""What each form of a ranker costs and loses, measured once and kept as JSON."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shortlist.core.errors import InputError
from shortlist.offline.kept import write_whole
from shortlist.offline.machine import has_vnni, machine
from shortlist.offline.metrics import Interval
from shortlist.offline.ranker_comparison import Compared, compare_rankers
from shortlist.offline.ranker_lists import Lists
from shortlist.offline.ranker_training import RankerSettings, TrainedRanker
from shortlist.offline.variants import write_variants
from shortlist.release.catalogue import Catalogue

COMPRESSION_NAME = "compression.json"


@dataclass(frozen=True, slots=True)
class Compression:
    """A ranker's variants side by side.

    Args:
        machine: On which they were timed.
        has_vnni: Whether its processor multiplies int8 natively.
        day: Of the measurement, in UTC.
        seed: Of the ranker.
        variants: By name; the first is the float ranker that the others are compared with.
    """

    machine: str
    has_vnni: bool
    day: str
    seed: int
    variants: dict[str, Compared]

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_whole(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Compression":
        """Read what `write` wrote.

        Raises:
            InputError: the file is not of this version.
        """
        try:
            document = json.loads(path.read_text())
            variants = {name: _compared(fields) for name, fields in document.pop("variants").items()}
            return cls(**document, variants=variants)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a result of this version ({error}); delete it to measure again") from error


def measure_compression(
    trained: TrainedRanker,
    learnt: Lists,
    aside: Lists,
    asked: Lists,
    catalogue: Catalogue,
    settings: RankerSettings,
    seed: int,
    history_length: int,
    folder: Path,
) -> Compression:
    """Write every variant of a ranker into a folder and compare them.

    Args:
        trained: The ranker.
        learnt: The lists that it was trained on.
        aside: Held-out lists, for the AUC.
        asked: Requests that nothing was learnt from, for agreement and times.
        catalogue: The items'.
        settings: With which the ranker was trained, and the distilled one will be.
        seed: The same.
        history_length: What the rankers look back at.
        folder: Exists.
    """
    specs = write_variants(trained, learnt, catalogue, settings, seed, history_length, folder)
    compared = compare_rankers(folder, specs, aside, asked, history_length)
    return Compression(machine(), has_vnni(), f"{datetime.now(UTC):%Y-%m-%d}", seed, compared)


def _compared(fields: dict[str, Any]) -> Compared:
    times = {int(batch): microseconds for batch, microseconds in fields.pop("microseconds").items()}
    return Compared(**fields | {"auc_gain": Interval(**fields["auc_gain"]), "microseconds": times})
