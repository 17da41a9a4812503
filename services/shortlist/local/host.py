"""What Triton's binaries need of this machine and this Python, checked before anything is fetched."""

import platform
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from shortlist.core.errors import StartError

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
STUB_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
_GLIBC = (2, 35)
_SELF_CONTAINED = "3.13"  # its stub is linked with a library in the wheel
_COMMON_LIBRARY_DIRS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/lib")


def refuse_unfit_host() -> None:
    """Refuse a machine or a Python on which Triton's binaries cannot run.

    Raises:
        StartError: with what is missing.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise StartError(f"the local Triton runs on Linux x86-64 only, this is {sys.platform} {platform.machine()}")
    libc, version = platform.libc_ver()
    if libc != "glibc" or tuple(int(number) for number in version.split(".")[:2]) < _GLIBC:
        found = f"{libc} {version}".strip() or "another C library"
        raise StartError(f"the local Triton needs glibc 2.35 or newer, this system has {found}")
    if PYTHON not in STUB_PYTHONS:
        raise StartError(
            f"the local Triton runs models on Python {STUB_PYTHONS[0]} to {STUB_PYTHONS[-1]}, not {PYTHON}"
        )


def find_libpython(python: str = PYTHON, directories: Iterable[str] | None = None) -> Path | None:
    """Find the shared library of this Python that Triton's stub is linked with; None where the wheel brings it.

    Raises:
        StartError: there is none; with what to install.
    """
    if python == _SELF_CONTAINED:
        return None
    if directories is None:
        directories = (str(sysconfig.get_config_var("LIBDIR")), f"{sys.base_prefix}/lib", *_COMMON_LIBRARY_DIRS)
    for directory in directories:
        library = Path(directory, f"libpython{python}.so.1.0")
        if library.is_file():
            return library
    raise StartError(
        f"the local Triton needs libpython{python}.so.1.0: install libpython{python} (Debian, Ubuntu), "
        f"python{python}-libs (Fedora), or use a Python that was built with --enable-shared"
    )
