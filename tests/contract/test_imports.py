"""Imports point one way, and serving never loads the training stack."""

import subprocess
import sys
from pathlib import Path

import pytest

import shortlist

SOURCE = Path(shortlist.__file__).parents[1]
TRAINING = ("torch", "onnx", "polars", "pyarrow", "scipy.sparse", "implicit")
"""Numba looks whether there is a SciPy, and loads no part of it."""


def test_every_import_contract_is_kept() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=SOURCE.parent,
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("module", ["shortlist.gateway.app", "shortlist.features.app", "shortlist.features.seed"])
def test_serving_does_not_load_the_training_stack(module: str) -> None:
    program = f"import {module}, sys; print(*sorted({set(TRAINING)} & sys.modules.keys()))"
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE), "ORT_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert loaded.stdout.split() == []
