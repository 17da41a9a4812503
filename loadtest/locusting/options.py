"""The options that Locust's command line, environment and page get from us."""

import math
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from loadtest.locusting.shapes import SHAPES
from loadtest.locusting.traffic import WRITE_SHARE
from shortlist.core.errors import InputError

LOOPS = ("closed", "open")
_PREFIX = "SHORTLIST_LOADTEST_"


def add_options(parser: Any) -> None:
    """Describe our options to Locust's parser; what names a file of this machine stays off the page."""
    add = parser.add_argument
    add(
        "--release",
        default="",
        env_var=f"{_PREFIX}RELEASE",
        include_in_web_ui=False,
        help="Directory of a release: whose users and items are asked for",
    )
    add(
        "--results",
        default="",
        env_var=f"{_PREFIX}RESULTS",
        include_in_web_ui=False,
        help="File for the counts and latencies at the end, as JSON; default: none",
    )
    add(
        "--loop",
        choices=LOOPS,
        default="closed",
        env_var=f"{_PREFIX}LOOP",
        help="closed: users think between calls; open: arrivals at a rate, users are the most in flight",
    )
    add(
        "--rate",
        type=float,
        default=100.0,
        env_var=f"{_PREFIX}RATE",
        help="Open loop: arrivals a second at the peak, of each process of Locust",
    )
    add(
        "--backlog",
        type=int,
        default=1000,
        env_var=f"{_PREFIX}BACKLOG",
        help="Open loop: most arrivals that wait for a free user; more are failures, 'not sent'",
    )
    add(
        "--think-s",
        type=float,
        default=1.0,
        env_var=f"{_PREFIX}THINK_S",
        help="Closed loop: mean time between a user's calls, in seconds",
    )
    add(
        "--shape",
        choices=tuple(SHAPES),
        default="steady",
        env_var=f"{_PREFIX}SHAPE",
        help="How users (closed) or arrivals (open) run over the run time; all but steady need one",
    )
    add(
        "--timeout-s",
        type=float,
        default=1.0,
        env_var=f"{_PREFIX}TIMEOUT_S",
        help="Deadline of every call from its sending, in seconds",
    )
    add(
        "--write-share",
        type=float,
        default=WRITE_SHARE,
        env_var=f"{_PREFIX}WRITE_SHARE",
        help="Share of the calls that record a click: rows of the release's users change for good; 0: none does",
    )
    add("--seed", type=int, default=1, env_var=f"{_PREFIX}SEED", help="Of all chance; the same gives the same calls")


@dataclass(frozen=True, slots=True)
class Options:
    """What a test goes by; see `add_options`."""

    host: str
    loop: str
    rate: float
    backlog: int
    think_s: float
    shape: str
    timeout_s: float
    write_share: float
    seed: int
    run_time_s: float | None

    @classmethod
    def of(cls, parsed: Namespace) -> "Options":
        """Check what the command line or the page says.

        Raises:
            InputError: an option is wrong; it says which.
        """
        host = parsed.host or ""
        if not host or host.startswith(("http://", "https://")):
            raise InputError(f"--host {host}: it is called over gRPC: give host:port")
        for name in ("rate", "think_s", "timeout_s"):
            value = getattr(parsed, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"--{name.replace('_', '-')} {value}: must be above 0")
        if not 0 <= parsed.write_share <= 1:
            raise InputError(f"--write-share {parsed.write_share}: must be 0 to 1")
        for name in ("backlog", "seed"):
            if (value := getattr(parsed, name)) < 0:
                raise InputError(f"--{name} {value}: must not be negative")
        for name, known in (("loop", LOOPS), ("shape", tuple(SHAPES))):  # the page can send what the parser refuses
            if (value := getattr(parsed, name)) not in known:
                raise InputError(f"--{name} {value}: one of {', '.join(known)}")
        if parsed.shape != "steady" and not parsed.run_time:
            raise InputError(f"--shape {parsed.shape} needs a --run-time")
        return cls(
            host=host,
            loop=parsed.loop,
            rate=parsed.rate,
            backlog=parsed.backlog,
            think_s=parsed.think_s,
            shape=parsed.shape,
            timeout_s=parsed.timeout_s,
            write_share=parsed.write_share,
            seed=parsed.seed,
            run_time_s=parsed.run_time or None,
        )
