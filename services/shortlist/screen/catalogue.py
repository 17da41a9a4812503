"""`shortlist items`: what is in the live catalogue, and how to change it."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format

from shortlist.client import Client
from shortlist.screen.items import calls_of, items_in

DEFAULT_GATEWAY = "127.0.0.1:50051"
Gateway = Annotated[str, typer.Option("--gateway", envvar="SHORTLIST_CLIENT_GATEWAY", help="The gateway's address.")]
_TIMEOUT_S = 10.0

items_app = typer.Typer(help="The live catalogue.", no_args_is_help=True)


@items_app.command()
def get(items: list[str], *, gateway: Gateway = DEFAULT_GATEWAY) -> None:
    """Print what the catalogue knows of items, as JSON."""
    with Client(gateway, caller="cli") as client:
        typer.echo(json_format.MessageToJson(client.get_items(items), preserving_proto_field_name=True))


@items_app.command()
def upsert(
    file: Annotated[Path, typer.Argument(help="JSON lines, an item each, with the fields of protos' Item; -: stdin.")],
    *,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Add items or replace them."""
    count, sequence = 0, 0
    with Client(gateway, caller="cli", timeout_s=_TIMEOUT_S) as client:
        for items in calls_of(items_in(file)):
            sequence = client.upsert_items(items).sequence
            count += len(items)
    typer.echo(f"upserted: {count} items, change {sequence} of the catalogue")


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
    with Client(gateway, caller="cli", timeout_s=timeout_s) as client:
        sequence = client.delete_items(items).sequence
    typer.echo(f"deleted: {len(items)} items on every server, change {sequence} of the catalogue")
