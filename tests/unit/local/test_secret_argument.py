"""A program gets its secret argument, and the process list does not show it."""

import subprocess
import sys
from pathlib import Path

import pytest

from shortlist.local import secret_argument

SECRET = "kept-to-ourselves"  # noqa: S105  # of this test alone
PROGRAM = """
import sys
print(repr(sys.argv[1:]))
print(open("/proc/self/cmdline").read().split(chr(0))[3:-1])
"""


def started(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the launcher to its program's end."""
    return subprocess.run(
        [sys.executable, "-I", "-S", secret_argument.__file__, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def secret(tmp_path: Path) -> str:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return str(file)


def test_the_program_sees_the_secret_and_the_process_list_its_placeholder(secret: str) -> None:
    ended = started(secret, sys.executable, "-c", PROGRAM, "--plain", "--key=x:{secret}", "{secret}-{secret}")

    seen, listed = ended.stdout.splitlines()
    assert seen == repr(["--plain", f"--key=x:{SECRET}", f"{SECRET}-{SECRET}"])
    assert listed == repr(["--plain", "--key=x:{secret}", "{secret}-{secret}"])
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_program_s_own_status_is_the_launcher_s(secret: str) -> None:
    assert started(secret, sys.executable, "-c", "import sys; sys.exit(7)").returncode == 7


def test_a_program_without_a_placeholder_runs_as_it_is(secret: str) -> None:
    assert started(secret, "/bin/echo", "plain").stdout == "plain\n"


def test_what_cannot_be_started_is_said_in_one_line(secret: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for arguments, words in (
        ((secret, "/no/such/program"), "/no/such/program cannot be started: [Errno 2]"),
        ((str(tmp_path / "missing"), "/bin/echo"), "/bin/echo cannot be started: [Errno 2]"),
        ((str(empty), "/bin/echo"), "is empty"),
        ((), "usage: "),
    ):
        ended = started(*arguments)
        assert ended.returncode != 0
        assert words in ended.stderr
        assert ended.stderr.count("\n") == 1
