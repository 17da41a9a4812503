from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.offline.compression import Compression
from support.compressions import compression


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    compression().write(tmp_path / "exam" / "compression.json")
    assert Compression.read(tmp_path / "exam" / "compression.json") == compression()
    assert [path.name for path in (tmp_path / "exam").iterdir()] == ["compression.json"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"variants": {"fp32": {"microseconds": {}, "older": 1}}}'])
def test_a_result_of_another_version_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "compression.json").write_text(content)
    with pytest.raises(InputError, match=r"compression\.json: not a result of this version"):
        Compression.read(tmp_path / "compression.json")
