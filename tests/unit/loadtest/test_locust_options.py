"""What a load test refuses to go by, and that our half of it leaves the interpreter alone."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import loadtest
import pytest
from loadtest.locusting.options import Options

from shortlist.core.errors import InputError
from support.gateway_process import environment_of

RIGHT: dict[str, Any] = {
    "host": "127.0.0.1:50051",
    "loop": "open",
    "rate": 100.0,
    "backlog": 1000,
    "think_s": 1.0,
    "shape": "steady",
    "timeout_s": 1.0,
    "write_share": 0.1,
    "seed": 1,
    "run_time": None,
}


def test_right_options_are_taken() -> None:
    options = Options.of(Namespace(**RIGHT | {"shape": "soak", "run_time": 60}))
    assert (options.shape, options.run_time_s, options.host) == ("soak", 60, "127.0.0.1:50051")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": None}, "--host"),
        ({"host": "http://127.0.0.1:50051"}, "give host:port"),
        ({"rate": 0.0}, "--rate 0.0"),
        ({"rate": float("inf")}, "--rate inf"),
        ({"think_s": float("nan")}, "--think-s nan"),
        ({"timeout_s": -1.0}, "--timeout-s -1.0"),
        ({"write_share": 1.5}, "--write-share 1.5"),
        ({"write_share": float("nan")}, "--write-share nan"),
        ({"backlog": -1}, "--backlog -1"),
        ({"seed": -1}, "--seed -1"),
        ({"loop": "ring"}, "--loop ring"),
        ({"shape": "circle"}, "--shape circle"),
        ({"shape": "spike"}, "--run-time"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Options.of(Namespace(**RIGHT | wrong))


def test_our_modules_import_neither_locust_nor_gevent() -> None:
    folder = Path(loadtest.__file__).parent / "locusting"
    modules = [f"loadtest.locusting.{path.stem}" for path in folder.glob("*.py")]
    program = f"import {', '.join(modules)}, sys; print(*{{'locust', 'gevent'}} & sys.modules.keys())"
    loaded = subprocess.run(
        [sys.executable, "-c", program], env=environment_of({}), capture_output=True, text=True, timeout=60, check=True
    )
    assert loaded.stdout.split() == []
