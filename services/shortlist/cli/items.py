"""`shortlist items`: what is in the live catalogue, and how to change it."""

from pathlib import Path
from typing import Annotated

import typer

from shortlist.cli.options import DEFAULT_GATEWAY, Gateway, print_message

_TIMEOUT_S = 10.0

items_app = typer.Typer(help="The live catalogue.", no_args_is_help=True)


@items_app.command()
def get(items: list[str], *, gateway: Gateway = DEFAULT_GATEWAY) -> None:
    """Print what the catalogue knows of items, as JSON."""
    from shortlist.client import Client

    with Client(gateway, caller="cli") as client:
        print_message(client.get_items(items))


@items_app.command()
def upsert(
    file: Annotated[Path, typer.Argument(help="JSON lines, an item each, with the fields of protos' Item; -: stdin.")],
    *,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Add items or replace them."""
    from shortlist.client import Client
    from shortlist.screen.items import calls_of, items_in

    count, sequence = 0, 0
    with Client(gateway, caller="cli", timeout_s=_TIMEOUT_S) as client:
        for items in calls_of(items_in(file)):
            sequence = client.upsert_items(items).sequence
            count += len(items)
    print(f"upserted: {count} items, change {sequence} of the catalogue")


@items_app.command()
def delete(
    items: list[str],
    *,
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", min=0.1, help="How long to wait for every server.")
    ] = _TIMEOUT_S,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Take items off; it ends when every live server has applied it."""
    from shortlist.client import Client

    with Client(gateway, caller="cli", timeout_s=timeout_s) as client:
        sequence = client.delete_items(items).sequence
    print(f"deleted: {len(items)} items on every server, change {sequence} of the catalogue")
