"""What a cluster is made of, as plain descriptions: parts that run, and tasks that end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Probe = Callable[[], bool]
"""Tells, within about a second and without raising, whether a part answers."""


@dataclass(frozen=True, slots=True)
class Task:
    """A command that must succeed before the cluster goes on."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Part:
    """A server that the cluster keeps running.

    Args:
        name: What people and log files call it.
        command: The program and its arguments; everyone on the machine can read them.
        probe: Tells whether it answers.
        environment: Variables on top of this process's own; the place for secrets.
        ready_timeout_s: How long its start may take.
        grace_s: How long it may take to end before it is killed.
        on_ready: Runs after every start, a restart included; None for nothing.
    """

    name: str
    command: tuple[str, ...] = field(repr=False)
    probe: Probe
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready_timeout_s: float = 30.0
    grace_s: float = 5.0
    on_ready: Task | None = None
