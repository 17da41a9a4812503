"""The `shortlist` command. Imports are lazy: `shortlist recommend` loads no torch, and starts in a blink."""

import sys
from typing import Any

import grpc
import typer

from shortlist.cli import calls, cluster, training
from shortlist.cli.events import events_app
from shortlist.cli.items import items_app
from shortlist.cli.releases import index_app, release_app
from shortlist.cli.rules import rules_app
from shortlist.core.errors import InputError, ReleaseRefusedError, ShortlistError

app = typer.Typer(
    name="shortlist",
    help="A self-hosted, low-latency recommendation serving cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for _command in (
    cluster.up,
    cluster.demo,
    calls.recommend,
    calls.similar,
    calls.rank,
    calls.record,
    calls.status,
    training.train,
    training.evaluate,
):
    app.command()(_command)
for _name, _group in {
    "release": release_app,
    "index": index_app,
    "rules": rules_app,
    "events": events_app,
    "items": items_app,
}.items():
    app.add_typer(_group, name=_name)


def main() -> None:
    """Run the command; a person's mistake exits with 2, everything else that is known with 1, both with a sentence."""
    try:
        app(standalone_mode=False)
    except (InputError, ReleaseRefusedError) as error:
        _exit(2, str(error))
    except ShortlistError as error:
        _exit(1, str(error))
    except grpc.RpcError as error:
        _exit(1, f"{error.code().name}: {error.details()}")
    except ImportError as error:
        _exit(1, f"{error.name} is not installed: training needs shortlist[train]; see README")
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _exit(130, "interrupted")
    except Exception as error:
        show: Any = getattr(error, "show", None)  # click's usage errors print themselves
        if show is None:
            raise
        show()
        sys.exit(2)


def _exit(code: int, sentence: str) -> None:
    print(f"shortlist: {sentence}", file=sys.stderr)
    sys.exit(code)
