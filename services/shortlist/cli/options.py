"""What several commands take, and how they print."""

import json
from typing import Annotated, Any

import typer
from google.protobuf import json_format

DEFAULT_GATEWAY = "127.0.0.1:50051"
Gateway = Annotated[str, typer.Option("--gateway", envvar="SHORTLIST_CLIENT_GATEWAY", help="The gateway's address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option(min=0, max=200, help="How many items; 0 is the server's default.")]


def print_message(message: Any) -> None:
    """Print a protobuf message as JSON, every field of it."""
    fields = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    print(json.dumps(fields, indent=2))
