"""Valkey, Triton, the gateway and the consumers of events on one release: the only place that knows all of them.

It decides who ranks: Triton where it can be had, and otherwise, unless the caller insisted, the gateway itself.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from rich.console import Console

from shortlist.core.errors import ShortlistError, StartError
from shortlist.local import triton
from shortlist.local.cluster import Cluster, PartStartError
from shortlist.local.config import LocalSettings
from shortlist.local.features import features_part
from shortlist.local.gateway import Programs, TritonAccess, gateway_environment, gateway_part, seed_task
from shortlist.local.host import find_libpython, refuse_unfit_host
from shortlist.local.parts import Part
from shortlist.local.ports import GATEWAY_PORTS, TRITON_PORTS, Ports
from shortlist.local.probes import LOOPBACK
from shortlist.local.triton import TritonInstallation, new_secret, triton_part
from shortlist.local.triton_install import install_triton
from shortlist.local.valkey import valkey_part

PROGRAMS = Programs()


class RankerChoice(StrEnum):
    """Who ranks: Triton, the gateway's own ONNX Runtime, or Triton where it can be had."""

    AUTO = "auto"
    TRITON = "triton"
    ONNXRUNTIME = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a ready cluster is reached, who ranks, and where the logs are; None for what does not run."""

    gateway: str
    metrics: str
    redis: str
    features_metrics: str
    ranker: str
    logs: str
    triton_grpc: str | None = None
    triton_http: str | None = None
    triton_metrics: str | None = None

    def to_json(self) -> str:
        """Write them as one line."""
        return json.dumps(asdict(self))


@contextmanager
def embedded_cluster(
    release: Path,
    ports: Ports,
    ranker: RankerChoice,
    console: Console,
    run_dir: Path | None = None,
    programs: Programs = PROGRAMS,
) -> Iterator[tuple[Cluster, Addresses]]:
    """Run a cluster on the release; it is ready inside the `with` and gone after it.

    Args:
        release: The release's directory.
        ports: Where to listen.
        ranker: Who ranks.
        console: Takes progress, deaths, restarts, and why Triton is not used.
        run_dir: Keeps the logs; None for a directory that is removed unless the cluster fails.
        programs: The commands of our own services.

    Raises:
        StartError: a port is taken, a part does not start, or Triton was asked for and cannot be had.
    """
    report = partial(_say, console)
    installation = _find_triton(ranker, console)
    with ExitStack() as stack:
        logs = stack.enter_context(_run_directory(run_dir))
        try:
            parts, addresses = plan(release, ports, logs, installation, programs)
            cluster = stack.enter_context(Cluster(parts, logs, report))
        except PartStartError as error:
            if error.part != triton.NAME or ranker is not RankerChoice.AUTO:
                raise
            report(_fallback(error))
            parts, addresses = plan(release, ports, logs, None, programs)
            cluster = stack.enter_context(Cluster(parts, logs, report))
        yield cluster, addresses


def plan(
    release: Path, ports: Ports, run_dir: Path, installation: TritonInstallation | None, programs: Programs = PROGRAMS
) -> tuple[list[Part], Addresses]:
    """Describe the parts in the order of their start, and where they will be reached; without Triton if there is none.

    Raises:
        StartError: a port is taken, or Valkey is not installed.
    """
    release = release.resolve()
    ports = ports.resolve((*GATEWAY_PORTS, *(TRITON_PORTS if installation else ())))
    redis_url = f"redis://{LOOPBACK}:{ports.redis}/0"
    addresses = Addresses(
        gateway=f"{LOOPBACK}:{ports.gateway}",
        metrics=f"http://{LOOPBACK}:{ports.metrics}/metrics",
        redis=redis_url,
        features_metrics=f"http://{LOOPBACK}:{ports.features_metrics}/metrics",
        ranker=RankerChoice.TRITON if installation else RankerChoice.ONNXRUNTIME,
        logs=str(run_dir),
        triton_grpc=f"{LOOPBACK}:{ports.triton_grpc}" if installation else None,
        triton_http=f"http://{LOOPBACK}:{ports.triton_http}" if installation else None,
        triton_metrics=f"http://{LOOPBACK}:{ports.triton_metrics}/metrics" if installation else None,
    )
    parts = [valkey_part(ports.redis, run_dir, seed_task(programs.seed, release, redis_url))]
    access = None
    if installation:
        access = TritonAccess(f"{LOOPBACK}:{ports.triton_grpc}", new_secret(run_dir))
        parts.append(triton_part(installation, ports, run_dir, access.secret_file))
    environment = gateway_environment(release, ports.gateway, ports.metrics, redis_url, access)
    parts.append(gateway_part(programs.gateway, ports.gateway, environment))
    parts.append(features_part(programs.features, ports.features_metrics, redis_url))
    return parts, addresses


def _find_triton(ranker: RankerChoice, console: Console) -> TritonInstallation | None:
    if ranker is RankerChoice.ONNXRUNTIME:
        return None
    try:
        refuse_unfit_host()
        libpython = find_libpython()
        return TritonInstallation(install_triton(LocalSettings().cache_dir, console), libpython)
    except StartError as error:
        if ranker is RankerChoice.TRITON:
            raise
        _say(console, _fallback(error))
        return None


def _say(console: Console, text: str) -> None:
    """Print as is: a log's brackets are no markup, its lines are not to be broken."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _fallback(error: StartError) -> str:
    return f"Without Triton: {error}\nThe gateway ranks in its own process instead."


@contextmanager
def _run_directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    fresh = Path(tempfile.mkdtemp(prefix="shortlist-"))
    try:
        yield fresh
    except ShortlistError:
        raise  # its logs are wanted
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(fresh, ignore_errors=True)
