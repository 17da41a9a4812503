"""The real `tritonserver` without a container: unpacked once from NVIDIA's wheel into a cache directory.

The wheel is not installed as a package, since its metadata would drag NumPy below 2. The tree keeps the wheel's layout,
in which server, stub and libraries find one another by their relative run path. It appears by one rename, under a
lock: two installs at once do the work once, and what a killed one left is swept by the next.
"""

import fcntl
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from shortlist.core.errors import StartError
from shortlist.local.host import PYTHON
from shortlist.local.wheel import Wheel, fetch

VERSION = "0.7.0"  # of the wheel; the Triton in it is 2.51
WHEEL = Wheel(
    requirement=f"nvidia-pytriton=={VERSION}",
    sha256="21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df",
    size_bytes=55_369_373,
)
SERVER = "pytriton/tritonserver/bin/tritonserver"
BACKENDS = "pytriton/tritonserver/backends"
_STUB = "triton_python_backend_stub"
_KEPT = (SERVER, f"{BACKENDS}/python/", "nvidia_pytriton.libs/", f"nvidia_pytriton-{VERSION}.dist-info/licenses/")

Fetch = Callable[[Wheel, Path, Console], Path]


def install_triton(cache_dir: Path, console: Console, fetch: Fetch = fetch) -> Path:
    """Return the unpacked wheel for this Python, fetching it if this is the first time.

    Raises:
        StartError: it cannot be fetched, verified or written.
    """
    tree = cache_dir / f"nvidia-pytriton-{VERSION}-python{PYTHON}"
    if tree.is_dir():
        return tree
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(cache_dir / "triton.lock"):
            if not tree.is_dir():  # nobody was faster
                _build(tree, cache_dir / "triton.partial", console, fetch)
    except OSError as error:
        raise StartError(f"the local Triton cannot be kept in {cache_dir}: {error}") from error
    return tree


def _build(tree: Path, partial: Path, console: Console, fetch: Fetch) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "download").mkdir(parents=True)
    try:
        unpack(fetch(WHEEL, partial / "download", console), partial / "tree", PYTHON)
        (partial / "tree").rename(tree)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def unpack(wheel: Path, tree: Path, python: str) -> None:
    """Unpack the server, its Python backend with the stub of one Python version, and their libraries."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree, [name for name in archive.namelist() if name.startswith(_KEPT)])
        stub = tree / BACKENDS / "python" / _STUB
        stub.write_bytes(archive.read(f"pytriton/tritonserver/python_backend_stubs/{python}/{_STUB}"))
    for program in (stub, tree / SERVER):
        program.chmod(0o755)  # a wheel's modes are lost by zipfile


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # ends with the process, however that ends
        yield
