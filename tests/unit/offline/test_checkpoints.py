"""What is read back, what is refused, and what a disk that takes no more leaves behind."""

import errno
import io
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import pytest
import torch

from shortlist.core.errors import InputError
from shortlist.offline import checkpoints
from shortlist.offline.checkpoints import Checkpoint
from shortlist.offline.splits import Split
from shortlist.offline.tower_training import TowerSettings
from support.tiny_logs import tiny_log

LOG = tiny_log()
SETTINGS = TowerSettings(epochs=3)


def _checkpoint(folder: Path, **changed: Any) -> Checkpoint:
    made = {"log": LOG, "settings": SETTINGS, "seed": 7, "at_s": 9} | changed
    return Checkpoint.of(folder, Split.of(made["log"], 0.2), made["at_s"], asdict(made["settings"]), made["seed"])


def test_what_is_written_is_read_and_before_that_there_is_nothing(tmp_path: Path) -> None:
    assert _checkpoint(tmp_path / "new" / "folder").read() is None
    _checkpoint(tmp_path / "new" / "folder").write({"weights": {"a": torch.arange(3)}, "curve": [{"loss": 0.5}]})
    state = _checkpoint(tmp_path / "new" / "folder").read()
    assert state is not None
    assert state["weights"]["a"].tolist() == [0, 1, 2]
    assert state["curve"] == [{"loss": 0.5}]


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"seed": 8}, "seed"),
        ({"log": replace(LOG, dataset="other")}, "dataset"),
        ({"log": replace(LOG, events=LOG.events.with_columns(value=LOG.events["value"] + 1))}, "events"),
        ({"log": replace(LOG, items=LOG.items.with_columns(title=LOG.items["title"] + "!"))}, "items"),
        ({"settings": TowerSettings(epochs=3, dimension=32, negatives=9)}, "dimension, negatives"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_with_what_differs(
    tmp_path: Path, changed: dict[str, Any], differs: str
) -> None:
    _checkpoint(tmp_path).write({})
    with pytest.raises(InputError, match=rf"towers-9\.pt is of another training, of which {differs} differ:"):
        _checkpoint(tmp_path, **changed).read()


def test_a_checkpoint_of_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _checkpoint(tmp_path).write({})
    monkeypatch.setattr(checkpoints, "ITEM_COLUMNS", (*checkpoints.ITEM_COLUMNS, "colour"))
    with pytest.raises(InputError, match="of which schema differ"):
        _checkpoint(tmp_path).read()


def test_each_moment_has_a_file_of_its_own(tmp_path: Path) -> None:
    _checkpoint(tmp_path).write({})
    assert _checkpoint(tmp_path, at_s=10).read() is None


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    checkpoint = _checkpoint(tmp_path)
    checkpoint.path.write_bytes(content)
    with pytest.raises(InputError, match=r"towers-9\.pt is damaged, or no checkpoint"):
        checkpoint.read()


def test_a_truncated_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path)
    checkpoint.write({"weights": torch.zeros(1000)})
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"towers-9\.pt is damaged"):
        checkpoint.read()


def test_a_tensor_file_of_something_else_is_one_sentence(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path)
    torch.save([1, 2], checkpoint.path)
    with pytest.raises(InputError, match=r"towers-9\.pt is damaged, or no checkpoint"):
        checkpoint.read()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/folder cannot be made for --checkpoints: Not a directory"):
        _checkpoint(tmp_path / "file" / "folder")


def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path / "gone")
    checkpoint.path.parent.rmdir()
    with pytest.raises(
        InputError, match=r"towers-9\.pt cannot be written: No such file or directory; .* folder is gone"
    ):
        checkpoint.write({})


class _FullDisk(io.FileIO):
    """A file on a disk that takes the first 100 bytes."""

    def write(self, content: Any) -> int:
        super().write(bytes(content)[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_former_checkpoint_and_no_part_of_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = _checkpoint(tmp_path)
    checkpoint.write({"epoch": 1})

    def opened(path: Path, mode: str) -> IO[bytes]:
        return _FullDisk(path, mode)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        with pytest.raises(
            InputError, match=r"towers-9\.pt cannot be written: No space left on device; it takes [\d,]+ "
        ):
            checkpoint.write({"epoch": 2})
    assert checkpoint.read() == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [checkpoint.path]


_LIMITED = """
import resource
from pathlib import Path
import torch
from shortlist.core.errors import InputError
from shortlist.offline.checkpoints import Checkpoint

checkpoint = Checkpoint(Path("towers-9.pt"), {"seed": "7"})
checkpoint.write({"epoch": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.write({"weights": torch.zeros(1_000_000)})
except InputError as error:
    print(error)
print(checkpoint.read(), [path.name for path in Path().iterdir()])
"""


def test_the_operating_system_refusing_to_write_leaves_the_former_checkpoint(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", _LIMITED], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    refused, left = ended.stdout.splitlines()
    assert refused.startswith("towers-9.pt cannot be written: File too large; it takes 4,00")
    assert left == "{'epoch': 1} ['towers-9.pt']"
