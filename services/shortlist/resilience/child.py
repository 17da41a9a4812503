"""Tie this process's life to its parent's, then become the command that was given.

Run as a script, `python -I -S child.py PARENT_PID COMMAND...`, between the supervisor and each of its children. It is
a program of its own because the alternative, code between fork and exec, can deadlock where the parent has threads.
Only Linux has the tie; elsewhere the children of a killed supervisor stay behind.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def become(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, which the kernel kills as soon as `parent` is gone.

    SIGKILL and not SIGTERM: nobody is left who would escalate, and an embedded cluster has nothing to save.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the tie was made
        sys.exit("the supervisor is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606  # a shell between would be the one that is killed
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
