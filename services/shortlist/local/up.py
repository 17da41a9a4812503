"""`shortlist up`: the embedded cluster in the foreground, until Ctrl-C or SIGTERM."""

import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shortlist.local.embedded import PROGRAMS, Addresses, RankerChoice, embedded_cluster
from shortlist.local.gateway import Programs
from shortlist.local.ports import Ports
from shortlist.local.signals import ended_by_signals


def up(
    release: Path,
    ports: Ports | None = None,
    ranker: RankerChoice = RankerChoice.AUTO,
    as_json: bool = False,
    run_dir: Path | None = None,
    programs: Programs = PROGRAMS,
) -> None:
    """Run the cluster and print its addresses once it is ready: a table, or one line of JSON.

    Standard output carries the addresses only; progress and trouble go to standard error. A second signal while the
    parts are being stopped ends this process at once, and the kernel ends the parts with it.

    Raises:
        StartError: a port is taken, a part does not start or stay up, or Triton was asked for and cannot be had.
    """
    console = Console(stderr=True)
    with (
        ended_by_signals(),
        suppress(KeyboardInterrupt),
        embedded_cluster(release, ports or Ports(), ranker, console, run_dir, programs) as (cluster, addresses),
    ):
        if as_json:
            sys.stdout.write(f"{addresses.to_json()}\n")
            sys.stdout.flush()
        else:
            Console().print(_table(addresses))
            console.print("Ctrl-C stops the cluster.")
        cluster.watch()


def _table(addresses: Addresses) -> Table:
    table = Table(title="Shortlist is ready", show_header=False, title_justify="left")
    for name, value in asdict(addresses).items():
        if value is not None:
            table.add_row(name.replace("_", " "), value)
    return table
