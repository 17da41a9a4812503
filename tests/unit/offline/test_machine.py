import platform
from pathlib import Path

from shortlist.offline.machine import has_vnni, processor


def test_processor_and_flags_are_read_as_linux_writes_them(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu avx512_vnni\n\nmodel name\t: Other\n"
    )
    assert processor(cpuinfo) == "Some CPU: fast"
    assert has_vnni(cpuinfo)


def test_a_flag_is_a_whole_word_and_may_be_missing(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : fpu avx512_vnnix\n")
    assert not has_vnni(cpuinfo)
    assert processor(cpuinfo) == platform.machine()


def test_without_such_a_file_the_architecture_is_named(tmp_path: Path) -> None:
    assert processor(tmp_path / "none") == platform.machine()
    assert not has_vnni(tmp_path / "none")
