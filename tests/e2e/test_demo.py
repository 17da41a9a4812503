"""The demo as people run it: the whole cluster, recommendations on the screen, a check of their sense."""

from pathlib import Path

from shortlist.release.bundle import Release
from support.command_line import shortlist
from support.real_servers import triton_installation

SHIPPED = Path(__file__).parents[2] / "deploy" / "releases" / "completejourney"


def test_the_demo_on_the_shipped_release_holds_its_check_and_ranks_on_triton() -> None:
    triton_installation()

    ended = shortlist("demo", "--release", str(SHIPPED), "--once")

    assert ended.returncode == 0, ended.stderr
    assert "check over 10 users holds, ranked by triton" in ended.stdout
    assert ended.stdout.count("last touched: ") == 5
    assert ended.stdout.count("what it changed: ") == 2
    assert "is taken off the catalogue: acknowledged by every gateway in " in ended.stdout


def test_the_demo_shows_answers_and_commands_and_fails_where_its_check_does(tiny_release: Release) -> None:
    """Six categories are too few for ten users to get slates that differ."""
    triton_installation()

    ended = shortlist("demo", "--release", str(tiny_release.path), "--once")

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "shortlist: the demo's answers make no sense: see the check above"
    for words in (
        "last touched: ",
        "found by",
        "ranked by triton",
        "check over 10 users FAILS",
        "what it changed: ",
        "shortlist recommend user-00 --explain --gateway 127.0.0.1:",
        "stage_seconds",
    ):
        assert words in ended.stdout


def test_the_demo_refuses_a_release_that_is_none(tmp_path: Path) -> None:
    ended = shortlist("demo", "--release", str(tmp_path), "--once")

    assert ended.returncode == 2
    assert ended.stderr == f"shortlist: {tmp_path}: manifest.json cannot be read: No such file or directory\n"
