"""Fixtures that several kinds of tests share."""

import pytest

from shortlist.release.bundle import Release
from support.tiny_release import build_tiny_release


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Open a release of 120 items in six categories; nobody writes to it."""
    return build_tiny_release(tmp_path_factory.mktemp("release") / "tiny")
