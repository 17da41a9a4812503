"""What a system costs is read over all of its processes, also those that leave it and those that end."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.serving import Usage, processes_of

from support.running_cluster import wait_until

_SPIN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"
_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session={leaves})
print(child.pid, flush=True)
child.wait()
print("ended", flush=True)
time.sleep(60)
"""


@contextmanager
def _parent(child: str, leaves: bool = False) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _PARENT.format(child=child, leaves=leaves)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            for pid in processes_of([process.pid]):
                os.kill(pid, 9)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_children_count_also_in_a_session_of_their_own() -> None:
    with _parent("import time; time.sleep(60)", leaves=True) as process:
        child = int(_line(process))
        assert processes_of([process.pid]) == sorted([process.pid, child])
        usage = Usage([process.pid])
        assert usage.pss_mb() > Usage([child]).pss_mb() > 1.0


def test_processes_that_were_left_behind_in_the_session_count() -> None:
    orphan = "import os, time\nif os.fork(): os._exit(0)\ntime.sleep(60)"
    with _parent(orphan) as process:
        first = int(_line(process))
        assert _line(process) == "ended"
        wait_until(lambda: len(processes_of([process.pid])) == 2, "the orphan runs", 10.0)
        assert first not in processes_of([process.pid])


def test_time_of_children_that_have_ended_still_counts() -> None:
    with _parent(_SPIN.format(seconds=0.3)) as process:
        _line(process)
        usage = Usage([process.pid])
        assert _line(process) == "ended"
        assert usage.pids == [process.pid]
        assert 0.3 <= usage.cpu_s() < 3.0


def test_a_system_that_has_ended_costs_nothing_and_breaks_nothing() -> None:
    with _parent("pass") as process:
        _line(process)
        assert _line(process) == "ended"
    usage = Usage([process.pid])
    assert usage.pids == []
    assert usage.cpu_s() == usage.pss_mb() == 0.0


def test_time_that_passes_asleep_is_no_cost() -> None:
    with _parent("import time; time.sleep(60)") as process:
        _line(process)
        usage = Usage([process.pid])
        before_s, since_s = usage.cpu_s(), time.monotonic()
        wait_until(lambda: time.monotonic() - since_s > 0.2, "time passes", 5.0)
        assert usage.cpu_s() - before_s < 0.1
