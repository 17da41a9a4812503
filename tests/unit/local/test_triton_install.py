"""Unpacking Triton into the cache, with a small archive in the place of the real wheel and no network."""

import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from shortlist.core.errors import StartError
from shortlist.local.host import PYTHON
from shortlist.local.triton_install import BACKENDS, SERVER, install_triton
from shortlist.local.wheel import Wheel, verify

STUB = f"{BACKENDS}/python/triton_python_backend_stub"
UNWANTED = "pytriton/client/client.py"


class FakeIndex:
    """Hands out a wheel with every kind of file that the real one has, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.downloads = 0
        self._error = error

    def __call__(self, wheel: Wheel, directory: Path, console: Console) -> Path:  # noqa: ARG002  # the port's signature
        """Write the archive."""
        self.downloads += 1
        if self._error is not None:
            raise self._error
        path = directory / "triton.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(SERVER, "server")
            archive.writestr(f"{BACKENDS}/python/libtriton_python.so", "backend")
            archive.writestr("nvidia_pytriton.libs/libtritonserver.so", "library")
            archive.writestr(UNWANTED, "client")
            for python in ("3.8", PYTHON):
                stub = f"pytriton/tritonserver/python_backend_stubs/{python}/triton_python_backend_stub"
                archive.writestr(stub, f"stub of {python}")
        return path


@pytest.fixture
def console() -> Console:
    return Console(quiet=True)


def test_server_and_stub_of_this_python_can_be_executed(tmp_path: Path, console: Console) -> None:
    tree = install_triton(tmp_path, console, FakeIndex())

    assert os.access(tree / SERVER, os.X_OK)
    assert os.access(tree / STUB, os.X_OK)
    assert (tree / STUB).read_text() == f"stub of {PYTHON}"


def test_only_what_the_server_needs_is_unpacked(tmp_path: Path, console: Console) -> None:
    tree = install_triton(tmp_path, console, FakeIndex())

    assert (tree / "nvidia_pytriton.libs/libtritonserver.so").exists()
    assert not (tree / UNWANTED).exists()
    assert not (tree / "pytriton/tritonserver/python_backend_stubs").exists()


def test_the_second_time_nothing_is_fetched(tmp_path: Path, console: Console) -> None:
    index = FakeIndex()
    first = install_triton(tmp_path, console, index)

    assert install_triton(tmp_path, console, index) == first
    assert index.downloads == 1


def test_two_at_once_fetch_once(tmp_path: Path, console: Console) -> None:
    index = FakeIndex()
    with ThreadPoolExecutor(4) as pool:
        trees = set(pool.map(lambda _: install_triton(tmp_path, console, index), range(4)))

    assert len(trees) == 1
    assert index.downloads == 1


def test_what_a_killed_install_left_is_swept(tmp_path: Path, console: Console) -> None:
    leftover = tmp_path / "triton.partial" / "tree" / "half"
    leftover.mkdir(parents=True)

    tree = install_triton(tmp_path, console, FakeIndex())

    assert not (tree / "half").exists()
    assert not (tmp_path / "triton.partial").exists()


def test_a_failed_fetch_leaves_nothing_and_the_next_try_succeeds(tmp_path: Path, console: Console) -> None:
    with pytest.raises(StartError, match="no network"):
        install_triton(tmp_path, console, FakeIndex(StartError("no network")))
    assert [path.name for path in tmp_path.iterdir()] == ["triton.lock"]

    assert install_triton(tmp_path, console, FakeIndex()).is_dir()


def test_a_cache_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path, console: Console) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(StartError, match=rf"cannot be kept in {file}/cache"):
        install_triton(file / "cache", console, FakeIndex())


def test_a_wheel_with_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(b"original")
    wheel = Wheel("some==1", hashlib.sha256(b"original").hexdigest(), 8)
    verify(path, wheel)
    path.write_bytes(b"0riginal")

    with pytest.raises(StartError, match=r"some\.whl has sha256 [0-9a-f]{64} instead of"):
        verify(path, wheel)
