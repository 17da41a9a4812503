"""Fixtures that several kinds of tests share."""

from typing import TYPE_CHECKING

import pytest

from shortlist.release.bundle import Release
from support.tiny_release import build_tiny_release

if TYPE_CHECKING:
    from loadtest.workload import Workload


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Open a release of 120 items in six categories; nobody writes to it."""
    return build_tiny_release(tmp_path_factory.mktemp("release") / "tiny")


@pytest.fixture(scope="session")
def small_workload(tmp_path_factory: pytest.TempPathFactory) -> "Workload":
    """Make the benchmark's workload with 3,000 items and 300 users; nobody writes to it."""
    from loadtest.workload import workload  # noqa: PLC0415  # it loads the training stack, which few tests need

    return workload(3_000, 300, root=tmp_path_factory.mktemp("bench"))
