import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shortlist.core.compiled import F64, compiled, filled, given

SOURCE = """
from shortlist.core.compiled import F64, compiled, given


@compiled(given(F64, 1))
def total(values):
    return values.sum()
"""


@compiled(given(F64, 1), filled(F64, 1))
def doubled(values, target):  # type: ignore[no-untyped-def]
    for place, value in enumerate(values):
        target[place] = 2 * value


def test_a_loop_takes_arrays_that_may_not_be_written() -> None:
    values = np.arange(3.0)
    values.flags.writeable = False
    target = np.zeros(3)
    doubled(values, target)
    assert target.tolist() == [0.0, 2.0, 4.0]


def test_a_loop_takes_no_other_types() -> None:
    with pytest.raises(TypeError, match="No matching definition"):
        doubled(np.arange(3, dtype=np.float32), np.zeros(3))


def test_where_nothing_can_be_kept_it_is_compiled_again_and_says_so(tmp_path: Path) -> None:
    """As in an image whose file system may not be written, and without a home."""
    source = tmp_path / "kept" / "loops.py"
    source.parent.mkdir()
    source.write_text(SOURCE)
    (source.parent / "__pycache__").write_text("a file, so that no folder can be made here")
    program = "import numpy as np; import loops; print(loops.total(np.ones(2)))"
    environment = {"PYTHONPATH": f"{source.parent}:{Path(__file__).parents[3] / 'services'}", "HOME": "/dev/null"}
    ended = subprocess.run(
        [sys.executable, "-B", "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "2.0\n"
    assert "compiled at every start" in ended.stderr
