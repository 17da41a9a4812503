"""Load on a gateway over gRPC, driven by Locust.

    SHORTLIST_LOADTEST_RELEASE=deploy/releases/completejourney locust -f loadtest/locustfile.py --host 127.0.0.1:50051

The page on port 8089 shows our options beside Locust's: a closed loop of users who think, or an open loop of arrivals
at a rate (`--loop open --rate 200`), and shapes (`--shape step`, `spike`, `soak`). What they mean is decided in
`loadtest/locusting`; `python -m loadtest.run_locust` (`make loadtest`) brings a cluster along. A tenth of the calls
record a click, which changes the rows of the release's users for good: `--write-share 0` where those are people.
"""

import logging
import sys
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

# First of all, since it patches the interpreter that the others use.
from locust import LoadTestShape, User, events, html, stats, task  # isort: skip
from locust.runners import MasterRunner, WorkerRunner  # isort: skip

import grpc.experimental.gevent
from gevent.pool import Group

from loadtest.locusting.load import Load
from loadtest.locusting.options import Options, add_options
from loadtest.locusting.outcomes import Outcome
from loadtest.locusting.pace import Turn
from loadtest.locusting.results import bucket_ms, write_results
from loadtest.locusting.shapes import share_of_peak
from loadtest.locusting.traffic import Population
from shortlist.core.errors import InputError, ShortlistError

grpc.experimental.gevent.init_gevent()

stats.bucket_response_time = bucket_ms
stats.PERCENTILES_TO_STATISTICS = [0.9, 0.99, 0.999]
stats.PERCENTILES_TO_CHART = [0.5, 0.99]
html.PERCENTILES_FOR_HTML_REPORT = [0.5, 0.9, 0.99, 0.999, 1.0]

_log = logging.getLogger(__name__)
_DRAIN_S = 1.0
"""Between the last call and Locust's stop, which holds the process for a tenth of a second: calls are answered then."""
_IDLE_S = 3600.0
"""How long a user waits for whom nothing is left to send."""
_FROM_MASTER = "options_from_master"

events.init_command_line_parser.add_listener(add_options)


class Caller(User):
    """One call in flight at most: a user who thinks, or one of those who take the arrivals of an open loop."""

    population: ClassVar[Population]
    load: ClassVar[Load | None] = None
    """The running test's; None between tests."""
    in_flight: ClassVar[Group] = Group()
    """Calls, in greenlets of their own: Locust ends users in the midst of a call, and calls are to be counted."""
    _turn: Turn | None = None

    def on_start(self) -> None:
        """Begin with a turn: users who start together do not call together."""
        self.wait()

    def wait_time(self) -> float:
        """Take the next turn; Locust sleeps until then, or until it ends the user."""
        self._turn = self.load.pace.next_turn(monotonic())
        return self._turn.wait_s if self._turn else _IDLE_S

    @task
    def call(self) -> None:
        """Send what the turn was for."""
        turn, self._turn = self._turn, None
        if turn:
            self.in_flight.spawn(lambda load: count(load.call(turn)), self.load).get()

    def on_stop(self) -> None:
        """Leave an unused turn to others; at the end of the test there are none, and it is not part of it."""
        if self._turn and self.load:
            self.load.pace.give_back(self._turn)


class Shape(LoadTestShape):
    """The shape that the options name: of the users in a closed loop; in an open one arrivals have it."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Tell how many users there should be now; None at the end, and at once where an option is wrong."""
        environment, elapsed_s = self.runner.environment, self.get_run_time()
        try:
            options = Options.of(environment.parsed_options)
        except InputError as error:
            _log.error("%s", error)
            environment.process_exit_code = 2
            return None
        if options.run_time_s and elapsed_s >= options.run_time_s + _DRAIN_S:
            return None
        shape = options.shape if options.loop == "closed" else "steady"
        users = environment.parsed_options.num_users * share_of_peak(shape, elapsed_s, options.run_time_s)
        return max(1, round(users)), environment.parsed_options.spawn_rate


def count(outcome: Outcome) -> None:
    """Put an outcome into Locust's statistics."""
    events.request.fire(
        request_type="grpc",
        name=outcome.name,
        response_time=outcome.latency_ms,
        response_length=outcome.size_bytes,
        exception=outcome.failure,
        context={},
    )


@events.init.add_listener
def prepare(environment: Any, **_: Any) -> None:
    """Read the release; write the results in the end."""
    options = environment.parsed_options
    if not options.release:
        sys.exit("--release: name a release's directory, or set SHORTLIST_LOADTEST_RELEASE")
    try:
        Caller.population = Population.of_release(Path(options.release))
    except ShortlistError as error:
        sys.exit(str(error))
    if options.results and not isinstance(environment.runner, WorkerRunner):
        events.quit.add_listener(lambda **_: write_results(Path(options.results), environment.runner))


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Begin a test."""
    runner, parsed = environment.runner, vars(environment.parsed_options)
    environment.process_exit_code = None
    if isinstance(runner, MasterRunner):
        # Its workers call, and it sends them no option of Locust's own, such as the host or the run time.
        parsed[_FROM_MASTER] = asdict(Options.of(environment.parsed_options))
        return
    given = parsed.get(_FROM_MASTER)
    options = Options(**given) if given else Options.of(environment.parsed_options)
    Caller.load = Load(options, Caller.population, count, runner.worker_index)


@events.test_stopping.add_listener
def stop(**_: Any) -> None:
    """Count what is due and will not be sent."""
    if Caller.load:
        Caller.load.pace.stop(monotonic())


@events.test_stop.add_listener
def end(**_: Any) -> None:
    """Wait for the calls in flight, which are the slow ones: each has its deadline."""
    if Caller.load:
        Caller.in_flight.join()
        Caller.load.close()
        Caller.load = None
