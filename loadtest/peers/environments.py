"""A Python environment for each peer under var/bench/venvs, made once from its hashed requirements."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from shortlist.core.errors import StartError

REQUIREMENTS = Path(__file__).with_name("requirements")
ROOT = Path("var/bench/venvs")
PEERS = ("fastapi", "litserve", "bentoml", "ray")
_MADE = "requirements.sha256"
_TIMEOUT_S = 900.0


def installed(peer: str, root: Path = ROOT) -> Path | None:
    """Find the Python of a peer's environment; None where there is none for its present requirements."""
    folder = root / peer
    try:
        is_made = (folder / _MADE).read_text() == _checksum(peer)
    except OSError:
        return None
    return (folder / "bin" / "python").absolute() if is_made else None


def install(peer: str, console: Console, root: Path = ROOT) -> Path:
    """Make a peer's environment where there is none yet; return its Python.

    Raises:
        StartError: pip failed; with the end of what it said.
    """
    if (python := installed(peer, root)) is not None:
        return python
    folder = root / peer
    shutil.rmtree(folder, ignore_errors=True)
    with console.status(f"installing {peer} into {folder} (a minute) ..."):
        _run(sys.executable, "-m", "venv", str(folder))
        options = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")
        _run(str(folder / "bin" / "python"), *options, str(REQUIREMENTS / f"{peer}.txt"))
    (folder / _MADE).write_text(_checksum(peer))
    console.print(f"installed {peer} into {folder}")
    return (folder / "bin" / "python").absolute()


def _checksum(peer: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{peer}.txt").read_bytes()).hexdigest()


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise StartError(f"{' '.join(command)} was not done after {_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        raise StartError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
