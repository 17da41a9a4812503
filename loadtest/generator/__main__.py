"""`python -m loadtest.generator`: one run against one server, its result as JSON."""

import argparse
import json
import sys
from pathlib import Path

from loadtest.arrivals import Arrivals
from loadtest.generator.run import RECOMMEND, Pace, Target, run
from shortlist.core.errors import ShortlistError


def main() -> int:
    """Run the command; 1 with one sentence where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.generator", description=main.__doc__)
    parser.add_argument("--address", required=True, help="host:port")
    parser.add_argument("--arrivals", type=Path, required=True, help="written by Arrivals.save")
    parser.add_argument("--out", type=Path, required=True, help="takes the result, JSON")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--http-path", default="", help="POST JSON there over HTTP/1.1; gRPC if left out")
    parser.add_argument("--method", default=RECOMMEND, help="of gRPC")
    parser.add_argument("--users-a-call", type=int, default=0, help="of RecommendBatch; 0: each call is for one user")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds, the deadline that gRPC calls carry")
    parser.add_argument("--redis", default="", help="host:port, takes the writes")
    parser.add_argument("--rows", type=Path, help="the workload's rows.npy, for the writes")
    parser.add_argument("--in-flight", type=int, default=0, help="of a closed loop; 0: open, by the arrivals' times")
    parser.add_argument("--seconds", type=float, default=0.0, help="of a closed loop")
    parser.add_argument("--warm-up", type=float, default=0.0, help="seconds at the start that do not count")
    parser.add_argument("--drain", type=float, default=2.0, help="seconds that answers are waited for at the end")
    options = parser.parse_args()
    target = Target(
        options.address,
        options.connections,
        options.http_path,
        options.method,
        options.users_a_call,
        options.timeout,
        options.redis,
        options.rows,
    )
    pace = Pace(options.in_flight, options.seconds, options.warm_up, options.drain)
    try:
        result = run(target, Arrivals.load(options.arrivals), pace)
    except (ShortlistError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # the command's error
        return 1
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
