"""The example of docs/bring-your-own.md as its reader would run it, and the gateway on the release that it makes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from shortlist.release.bundle import Release
from support.command_line import TIMEOUT_S, shortlist
from support.gateway_process import environment_of
from support.gateways import degraded_steps, serving

DOCUMENT = Path(__file__).parents[2] / "docs" / "bring-your-own.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the document's program in a folder of its own."""
    folder = tmp_path_factory.mktemp("own")
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    return folder


def arguments(folder: Path) -> list[str]:
    """Read the document's import command, with its files in the folder."""
    (line,) = re.findall(r"\$ shortlist (release import .*)", DOCUMENT.read_text())
    return [str(folder / word) if (folder / word).exists() else word for word in shlex.split(line)]


def import_into(folder: Path, out: Path, **replaced: Path) -> "subprocess.CompletedProcess[str]":
    """Run the document's import into another directory, some of its files replaced."""
    words = arguments(folder)
    for option, path in {"out": out, **replaced}.items():
        words[words.index(f"--{option}") + 1] = str(path)
    return shortlist(*words)


def test_the_example_makes_a_release_that_verifies_and_serves(folder: Path, tmp_path: Path) -> None:
    ended = import_into(folder, tmp_path / "own")

    assert ended.returncode == 0, ended.stderr
    assert "500 items in 32 dimensions\n" in ended.stdout
    assert "candidate_dense: tower_score, tower_log_rank, " in ended.stdout
    assert ended.stdout.splitlines()[1].endswith(", log_price")
    assert shortlist("release", "verify", str(tmp_path / "own")).returncode == 0
    with serving(Release.open(tmp_path / "own")) as gateway:
        answer = gateway.recommend("somebody", limit=100, session_item_ids=["sku-1", "sku-8"])
    assert len(answer.items) == 100
    assert answer.ranker == "onnxruntime"
    assert degraded_steps(answer) == ["FEATURES_UNAVAILABLE", "STALE_CATALOGUE"]  # there is no store here
    # Of all that are asked for, not of the first few: which come first is up to an untrained ranker.
    assert {source for item in answer.items for source in item.sources} == {"tower", "neighbours", "popular"}


def test_what_does_not_fit_is_one_sentence_and_exit_code_2(folder: Path, tmp_path: Path) -> None:
    ended = import_into(folder, tmp_path / "own", ranker=folder / "query.onnx")

    assert ended.returncode == 2
    assert ended.stderr == (
        f"shortlist: {folder}/query.onnx: takes history_embedding, history_mask, expected candidates among them\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_import_loads_no_training_stack_but_the_tables(folder: Path, tmp_path: Path) -> None:
    words = ["shortlist", *arguments(folder)]
    words[words.index("--out") + 1] = str(tmp_path / "own")
    program = (
        "import sys; from shortlist.cli import main\n"
        f"sys.argv = {words!r}\n"
        "main()\n"
        "print('loaded:', *sorted(sys.modules))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_of({}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )

    loaded = set(ended.stdout.splitlines()[-1].removeprefix("loaded:").split())
    assert "polars" in loaded
    assert not loaded & {"torch", "onnx", "pyarrow", "scipy.sparse", "redis", "tritonclient"}
