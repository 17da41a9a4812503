"""How a release is trained."""

from dataclasses import dataclass, field
from pathlib import Path

from shortlist.offline.devices import DeviceName
from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.tower_training import TowerSettings
from shortlist.release.manifest import Precision


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a release is trained; towers go on from what an interrupted training left in the folder `checkpoints`."""

    holdout: float = 0.2
    seed: int = 7
    precision: Precision = "int8"
    device: DeviceName = "auto"
    checkpoints: Path | None = None
    towers: TowerSettings = field(default_factory=TowerSettings)
    ranker: RankerSettings = field(default_factory=RankerSettings)
