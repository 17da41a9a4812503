"""Machines and Pythons on which Triton's binaries cannot run, and what the person reads there."""

import platform
import sys
from pathlib import Path

import pytest

from shortlist.core.errors import StartError
from shortlist.local import host
from shortlist.local.host import find_libpython, refuse_unfit_host


@pytest.fixture
def _fit_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.35"))
    monkeypatch.setattr(host, "PYTHON", "3.11")


@pytest.mark.usefixtures("_fit_host")
def test_the_oldest_supported_system_passes() -> None:
    refuse_unfit_host()


@pytest.mark.usefixtures("_fit_host")
def test_another_processor_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    with pytest.raises(StartError, match=r"Linux x86-64 only, this is linux aarch64"):
        refuse_unfit_host()


@pytest.mark.usefixtures("_fit_host")
@pytest.mark.parametrize(
    ("libc", "found"),
    [(("glibc", "2.31"), "glibc 2.31"), (("", ""), "another C library"), (("musl", "1.2"), "musl 1.2")],
)
def test_an_old_or_other_c_library_is_refused(
    monkeypatch: pytest.MonkeyPatch, libc: tuple[str, str], found: str
) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)

    with pytest.raises(StartError, match=f"glibc 2.35 or newer, this system has {found}"):
        refuse_unfit_host()


@pytest.mark.usefixtures("_fit_host")
def test_a_python_without_a_stub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PYTHON", "3.14")

    with pytest.raises(StartError, match=r"Python 3\.8 to 3\.13, not 3\.14"):
        refuse_unfit_host()


def test_the_library_is_found_in_the_first_directory_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "libpython3.11.so.1.0").touch()

    assert find_libpython("3.11", [str(tmp_path / "empty"), str(tmp_path)]) == tmp_path / "libpython3.11.so.1.0"


def test_python_3_13_needs_no_library_of_the_system(tmp_path: Path) -> None:
    assert find_libpython("3.13", [str(tmp_path)]) is None


def test_a_missing_library_is_named_with_the_package_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"libpython3\.12\.so\.1\.0: install libpython3\.12 \(Debian, Ubuntu\)"):
        find_libpython("3.12", [str(tmp_path)])
