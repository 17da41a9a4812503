"""Fetch one pinned wheel from the package index, by pip, so that the user's proxies and mirrors hold."""

import hashlib
import importlib.util
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from shortlist.core.errors import StartError
from shortlist.local.logs import tail
from shortlist.local.process import Process
from shortlist.resilience.deadline import Deadline

FETCH_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel of which every byte is known."""

    requirement: str
    sha256: str
    size_bytes: int


def fetch(wheel: Wheel, directory: Path, console: Console) -> Path:
    """Download the wheel into an empty directory, with a progress bar where the console is a terminal.

    Raises:
        StartError: no pip, no network, or other bytes than the pinned ones.
    """
    if not console.is_terminal:
        console.print(f"fetching {wheel.requirement} ({wheel.size_bytes / 1e6:.0f} MB, once)")
    log = directory / "pip.log"
    # pip writes to its temporary directory first: there the bar sees the file grow
    download = Process("pip", _download(wheel, directory), {"TMPDIR": str(directory)}, log)
    try:
        _watch(download, wheel, directory, console)
    except StartError as error:
        raise StartError(
            f"{wheel.requirement} cannot be fetched (a network or a package mirror is needed): "
            f"{tail(log, lines=1) or error}"
        ) from error
    finally:
        download.stop(grace_s=1.0)
    (path,) = directory.glob("*.whl")
    verify(path, wheel)
    return path


def verify(path: Path, wheel: Wheel) -> None:
    """Compare a file with the pinned checksum.

    Raises:
        StartError: they differ.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wheel.sha256:
        raise StartError(f"{path.name} has sha256 {found} instead of {wheel.sha256}: it is damaged or not the original")


def _pip() -> tuple[str, ...]:
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is not None:  # an environment made by uv has no pip of its own
        return (uv, "tool", "run", "pip")
    raise StartError("the local Triton is fetched by pip, and this environment has none: python -m ensurepip")


def _download(wheel: Wheel, directory: Path) -> tuple[str, ...]:
    quiet = ("--quiet", "--no-input", "--progress-bar=off", "--disable-pip-version-check")
    exact = ("--no-deps", "--only-binary=:all:", f"--dest={directory}", wheel.requirement)
    return (*_pip(), "download", *quiet, *exact)


def _watch(download: Process, wheel: Wheel, directory: Path, console: Console) -> None:
    deadline = Deadline.after(FETCH_TIMEOUT_S)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"fetching {wheel.requirement}, once", total=wheel.size_bytes)
        while download.is_running and not deadline.has_passed():
            progress.update(bar, completed=_largest_file_bytes(directory))
            time.sleep(0.1)
    download.wait_done(deadline.remaining_s())


def _largest_file_bytes(directory: Path) -> int:
    largest = 0
    for folder, _, names in os.walk(directory):  # unlike rglob, it bears folders that vanish meanwhile
        for name in names:
            with suppress(FileNotFoundError):
                largest = max(largest, Path(folder, name).stat().st_size)
    return largest
