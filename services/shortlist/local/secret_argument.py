"""Start a program with a secret among its arguments that the process list does not show.

`secret_argument.py FILE PROGRAM ARGUMENT...` runs PROGRAM in its own place (same process id); in each argument the
word {secret} stands for the content of FILE. The process list keeps showing {secret}: what it shows is the memory that
the kernel filled at the start, and that is left alone. The true arguments travel in the environment, which only the
program's own user may read, and before the program's first instruction its argument pointers are led there. A helper
does that by ptrace while the program stands still, so there is no moment at which anybody else could have read it.

Needs Linux on a 64-bit machine. Standard library only: Triton's image runs it beside an interpreter and nothing else.
"""

import ctypes
import os
import struct
import sys
from pathlib import Path

PLACEHOLDER = "{secret}"
_VARIABLE = "SECRET_ARGUMENT_"
_WORD = 8
_START_OF_STACK = 28  # field of /proc/PID/stat, see proc(5): where argc and the pointers of argv and envp stand
_SEIZE, _DETACH, _TRACE_EXEC, _EVENT_EXEC = 0x4206, 17, 0x10, 4  # linux/ptrace.h
_SET_TRACER = 0x59616D61  # linux/prctl.h: whom Yama lets trace this process
_ANY_CHILD = 0x40000000  # __WALL

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def run(secret: str, command: list[str]) -> None:
    """Become the program; returns only by an exception.

    Raises:
        OSError: the program cannot be run, or the kernel allows no tracing of one's own process.
    """
    environment = dict(os.environ)
    for place, argument in enumerate(command):
        if PLACEHOLDER in argument:
            environment[f"{_VARIABLE}{place}"] = argument.replace(PLACEHOLDER, secret)
    _start_helper()
    os.execvpe(command[0], command, environment)  # noqa: S606  # the arguments are a list, and go through no shell


def _start_helper() -> None:
    """Fork a helper, as a child of init so that nobody has to wait for it, and return when it watches this process."""
    here, there = os.pipe(), os.pipe()
    program = os.getpid()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            _help(program, here, there)
        os._exit(0)
    os.close(here[0])
    os.close(there[1])
    os.waitpid(child, 0)
    helper = int(os.read(there[0], 16))
    _libc.prctl(_SET_TRACER, helper, 0, 0, 0)  # fails where there is no Yama, and then it is not needed
    os.write(here[1], b"\n")
    if os.read(there[0], 1) != b"\n":
        raise OSError("the kernel lets no process of this user be traced, so its secret argument cannot be hidden")
    os.close(here[1])
    os.close(there[0])


def _help(program: int, here: tuple[int, int], there: tuple[int, int]) -> None:
    """Watch the program until it has begun, lead its arguments, and end; the helper's whole life."""
    try:
        os.write(there[1], str(os.getpid()).encode())
        os.read(here[0], 1)
        if _libc.ptrace(_SEIZE, program, None, _TRACE_EXEC) == 0:
            os.write(there[1], b"\n")
            for end in (*here, *there):
                os.close(end)
            while True:
                _, status = os.waitpid(program, _ANY_CHILD)
                if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                    break
                if status >> 16 == _EVENT_EXEC:
                    _lead(program)
                    _libc.ptrace(_DETACH, program, None, None)
                    break
                _libc.ptrace(7, program, None, os.WSTOPSIG(status))  # PTRACE_CONT: another signal, not ours to keep
    finally:
        os._exit(0)


def _lead(program: int) -> None:
    """Point each argument that has a variable of its own at the variable's text."""
    fields = Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()
    stack = int(fields[_START_OF_STACK - 3])
    with Path(f"/proc/{program}/mem").open("r+b", buffering=0) as memory:

        def word(address: int) -> int:
            memory.seek(address)
            return int(struct.unpack("<q", memory.read(_WORD))[0])

        arguments = stack + _WORD
        address = arguments + (word(stack) + 1) * _WORD
        while pointer := word(address):
            memory.seek(pointer)
            name, _, _ = memory.read(len(_VARIABLE) + 8).partition(b"=")
            if name.startswith(_VARIABLE.encode()):
                place = int(name[len(_VARIABLE) :])
                memory.seek(arguments + place * _WORD)
                memory.write(struct.pack("<q", pointer + len(name) + 1))
            address += _WORD


def _secret_in(file: Path) -> str:
    secret = file.read_text().strip()
    if not secret:
        raise OSError(f"the secret {file} is empty")
    return secret


def main(arguments: list[str]) -> int:
    """Run the command; 1 with one sentence where it cannot be started."""
    if len(arguments) < 2:
        print("usage: secret_argument.py FILE PROGRAM ARGUMENT...", file=sys.stderr)  # noqa: T201
        return 2
    try:
        run(_secret_in(Path(arguments[0])), arguments[1:])
    except OSError as error:
        print(f"{arguments[1]} cannot be started: {error}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
