"""Triton as a part: started empty; the gateway loads a release's ranker into it over the wire."""

import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from shortlist.local import secret_argument
from shortlist.local.parts import Part
from shortlist.local.ports import Ports
from shortlist.local.probes import LOOPBACK, http_answers
from shortlist.local.triton_install import BACKENDS, SERVER

NAME = "triton"
_HEADER = "shortlist"  # carries the secret; over gRPC as `triton-grpc-protocol-shortlist`, which the gateway sends
_EXIT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class TritonInstallation:
    """An unpacked Triton, and the Python library that its stub loads; None where the wheel brings that too."""

    tree: Path
    libpython: Path | None


def new_secret(run_dir: Path) -> Path:
    """Write a random secret that only this user may read, in place of an older one, and return its file."""
    file = run_dir / "triton.secret"
    file.unlink(missing_ok=True)
    file.touch(0o600)
    file.write_text(secrets.token_urlsafe(24))
    return file


def triton_part(installation: TritonInstallation, ports: Ports, run_dir: Path, secret_file: Path) -> Part:
    """Describe Triton with an empty model repository, on loopback.

    Whoever may load a model runs code, so model control asks for a secret on both protocols. Triton takes it as an
    argument only; `secret_argument` keeps it out of the process list.
    """
    models = run_dir / "models"
    models.mkdir(exist_ok=True)
    restriction = f"model-repository:{_HEADER}={secret_argument.PLACEHOLDER}"
    arguments = {
        "model-repository": models,
        "backend-directory": installation.tree / BACKENDS,
        "model-control-mode": "explicit",
        "grpc-address": LOOPBACK,
        "grpc-port": ports.triton_grpc,
        "grpc-restricted-protocol": restriction,
        "http-address": LOOPBACK,
        "http-port": ports.triton_http,
        "http-restricted-api": restriction,
        "metrics-address": LOOPBACK,
        "metrics-port": ports.triton_metrics,
        "exit-timeout-secs": _EXIT_TIMEOUT_S,
    }
    hidden = (sys.executable, "-I", "-S", secret_argument.__file__, str(secret_file))
    return Part(
        NAME,
        command=(*hidden, str(installation.tree / SERVER), *(f"--{name}={value}" for name, value in arguments.items())),
        probe=lambda: http_answers(ports.triton_http, "/v2/health/live"),
        environment=_environment(installation),
        grace_s=_EXIT_TIMEOUT_S + 3.0,
    )


def _environment(installation: TritonInstallation) -> dict[str, str]:
    """Lead the stub to this interpreter's packages.

    The stub reads neither PYTHONHOME nor PYTHONPATH (tried): it looks for `python3` on the PATH, and takes the virtual
    environment around it as its own.
    """
    environment = {"PATH": _in_front(Path(sys.executable).parent, "PATH")}
    if installation.libpython is not None:
        environment["LD_LIBRARY_PATH"] = _in_front(installation.libpython.parent, "LD_LIBRARY_PATH")
    return environment


def _in_front(directory: Path, variable: str) -> str:
    inherited = os.environ.get(variable)
    return f"{directory}{os.pathsep}{inherited}" if inherited else str(directory)
