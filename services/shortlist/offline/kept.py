"""Measurements kept as JSON, so that what takes hours is not done twice."""

import json
from pathlib import Path
from typing import Any


def write_whole(path: Path, document: dict[str, Any]) -> None:
    """Write a document beside and rename it, whole or not at all; its folder is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(document) + "\n")
    beside.replace(path)
