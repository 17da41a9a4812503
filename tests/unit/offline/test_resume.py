"""A training of a whole release that is interrupted, and what comes of the same command once more."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shortlist.core.errors import InputError
from shortlist.offline.build import train, write_release
from shortlist.offline.progress import Advance, Stages
from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.recipe import Recipe
from shortlist.offline.tower_training import TowerSettings
from shortlist.release.bundle import Release, written_beside
from support.tiny_logs import tiny_log

LOG = tiny_log(users=40, events_per_user=20)
RECIPE = Recipe(
    holdout=0.0,
    precision="fp32",
    device="cpu",
    towers=TowerSettings(dimension=16, epochs=2, negatives=64),
    ranker=RankerSettings(steps=5, teachers=1),
)


class _Interrupted(Stages):
    """Interrupts after some epochs, counted over all sets of sources."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs_left = epochs

    @contextmanager
    def stage(self, name: str, steps: int = 1) -> Iterator[Advance]:
        with super().stage(name, steps) as advance:
            yield self._advance if name.startswith("sources") else advance

    def _advance(self) -> None:
        self.epochs_left -= 1
        if self.epochs_left == 0:
            raise KeyboardInterrupt


def _write(path: Path, recipe: Recipe, stages: Stages) -> str:
    with stages, written_beside(path) as folder:
        write_release(LOG, folder, recipe, stages)
    return Release.open(path).id


@pytest.mark.slow
def test_a_release_whose_training_was_interrupted_is_that_of_one_that_was_not(tmp_path: Path) -> None:
    whole = _write(tmp_path / "whole", RECIPE, Stages())
    kept = replace(RECIPE, checkpoints=tmp_path / "checkpoints")
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "resumed", kept, _Interrupted(3))  # two epochs of the first set of sources, one of the second
    last = _Interrupted(99)
    assert _write(tmp_path / "resumed", kept, last) == whole
    assert last.epochs_left == 98  # only the fourth was still to be trained


def test_checkpoints_of_another_recipe_are_refused(tmp_path: Path) -> None:
    kept = replace(RECIPE, checkpoints=tmp_path / "checkpoints")
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "out", kept, _Interrupted(1))
    with pytest.raises(InputError, match="of another training, of which seed differ"):
        _write(tmp_path / "out", replace(kept, seed=8), Stages())


def test_cuda_where_there_is_none_is_refused_before_the_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cuda: PyTorch finds no CUDA device here"):
        train("online-retail", tmp_path / "no log", tmp_path / "out", device="cuda", progress=False)
