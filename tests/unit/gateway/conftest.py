"""A pipeline in which everything works."""

import pytest

from shortlist.release.bundle import Release
from support.ann import rows
from support.pipelines import Kitchen, kitchen


@pytest.fixture
def whole(tiny_release: Release) -> Kitchen:
    """Compose a pipeline in which everything works."""
    return kitchen(tiny_release, rows())
