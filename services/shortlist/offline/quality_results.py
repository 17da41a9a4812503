"""Results of `make quality` on disk, so that a run that takes hours goes on where it ended.

A work folder holds a folder for each exam: `baselines.json`, `seed-N.json` for each release, and `served.json`, which
is measured elsewhere, numbers by name. Delete a file to have it measured again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import InputError
from shortlist.offline.ablation import ABLATIONS
from shortlist.offline.kept import write_whole
from shortlist.offline.measure import Measured, Quality

BASELINES_NAME, SERVED_NAME = "baselines.json", "served.json"
_DIGITS = 6  # of a user's NDCG@10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run measured.

    Args:
        about: Facts of the run by name: counts, days, machine, seconds.
        models: By name, new items only.
        repurchases: By name, with re-purchases.
        chosen: Constants by model, in words.
        source_recalls: Recall@200 by source, for a release.
        new_items: NDCG@10 on items without a training event by model, for a release; empty where there are none.
    """

    about: dict[str, str | int | float]
    models: dict[str, Measured]
    repurchases: dict[str, Measured]
    chosen: dict[str, str] = field(default_factory=dict)
    source_recalls: dict[str, float] = field(default_factory=dict)
    new_items: dict[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        document = {
            "about": self.about,
            "models": {name: _written(measured) for name, measured in self.models.items()},
            "repurchases": {name: _written(measured) for name, measured in self.repurchases.items()},
            "chosen": self.chosen,
            "source_recalls": self.source_recalls,
            "new_items": self.new_items,
        }
        write_whole(path, document)

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        """Read what `write` wrote.

        Raises:
            InputError: the file is not of this version.
        """
        try:
            document = json.loads(path.read_text())
            return cls(
                document["about"],
                {name: _read(measured) for name, measured in document["models"].items()},
                {name: _read(measured) for name, measured in document["repurchases"].items()},
                document["chosen"],
                document["source_recalls"],
                document["new_items"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: not a result of this version ({error}); delete it to measure again") from error


@dataclass(frozen=True, slots=True)
class ExamResults:
    """All outcomes of an exam.

    Args:
        name: Of the exam.
        baselines: Measured once.
        seeds: Outcome by seed, ascending, at least one.
        ablations: Outcome of a release that lacks a part, by `ABLATIONS`.
        served: Of the served answers, by name; empty where nobody measured them.
    """

    name: str
    baselines: Outcome
    seeds: dict[int, Outcome]
    ablations: dict[str, Outcome]
    served: Mapping[str, float]

    @classmethod
    def read(cls, folder: Path) -> "ExamResults | None":
        """Read a folder; None where baselines or any seed are missing.

        Raises:
            InputError: a file is not of this version.
        """
        paths = {int(path.stem.removeprefix("seed-")): path for path in folder.glob("seed-*.json")}
        if not paths or not (folder / BASELINES_NAME).exists():
            return None
        return cls(
            folder.name,
            Outcome.read(folder / BASELINES_NAME),
            {seed: Outcome.read(paths[seed]) for seed in sorted(paths)},
            {
                name: Outcome.read(path)
                for number, name in enumerate(ABLATIONS)
                if (path := folder / f"ablation-{number}.json").exists()
            },
            _numbers(folder / SERVED_NAME),
        )

    @property
    def new_items(self) -> dict[str, float]:
        """Average what the releases did on items without a training event."""
        measured = [outcome.new_items for outcome in self.seeds.values() if outcome.new_items]
        return {name: float(np.mean([one[name] for one in measured])) for name in measured[0]} if measured else {}

    def over_seeds(self, model: str) -> Measured:
        """Average a release's model over the seeds, its means and its users'."""
        return average([outcome.models[model] for outcome in self.seeds.values()])


def average(measured: list[Measured]) -> Measured:
    """Average means and users' NDCG@10 over runs on the same users; what a run lacks is left out."""
    means: dict[str, Any] = {}
    for name in Quality.__dataclass_fields__:
        values = [value for one in measured if (value := getattr(one.quality, name)) is not None]
        means[name] = float(np.mean(values)) if values else None
    return Measured(Quality(**means), np.mean([one.ndcg for one in measured], axis=0))


def _written(measured: Measured) -> dict[str, Any]:
    return {"means": asdict(measured.quality), "ndcg_at_10": np.round(measured.ndcg, _DIGITS).tolist()}


def _read(document: dict[str, Any]) -> Measured:
    return Measured(Quality(**document["means"]), np.array(document["ndcg_at_10"], np.float64))


def _numbers(path: Path) -> Mapping[str, float]:
    return {name: float(value) for name, value in json.loads(path.read_text()).items()} if path.exists() else {}
