"""The calls of a gateway: recommend, similar, rank, record, status."""

from typing import Annotated, Literal

import grpc
import typer
from rich.console import Console

from shortlist.cli.options import DEFAULT_GATEWAY, AsJson, Gateway, Limit, print_message
from shortlist.core.errors import InputError

EventName = Literal["impression", "view", "click", "cart", "purchase", "hide"]


def recommend(
    user: str,
    *,
    limit: Limit = 10,
    session: Annotated[list[str] | None, typer.Option(help="Items touched in this session, oldest first.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only items with one of these categories.")] = None,
    diversity: Annotated[float, typer.Option(min=0.0, max=1.0, help="0 is by score alone, 1 by novelty.")] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Say why.")] = False,
    pages: Annotated[int, typer.Option(min=1, max=100, help="How many answers, without a repeated item.")] = 1,
    as_json: AsJson = False,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Ask a gateway what a user should see now."""
    from itertools import islice

    from shortlist.client import Client
    from shortlist.screen.answers import console_of_answers, show_answer
    from shortlist.v1 import recommender_pb2

    condition = recommender_pb2.Filter(include_categories=category or [])
    with Client(gateway, caller="cli") as client:
        answers = client.pages(
            user,
            limit=limit,
            session_item_ids=session or [],
            condition=condition,
            diversity=diversity,
            explain=explain,
        )
        for answer in islice(answers, pages):
            if as_json:
                print_message(answer)
            else:
                show_answer(console_of_answers(), client, user, answer, why_first=explain)


def similar(item: str, *, limit: Limit = 10, as_json: AsJson = False, gateway: Gateway = DEFAULT_GATEWAY) -> None:
    """Ask a gateway which items are like one."""
    from shortlist.client import Client
    from shortlist.screen.answers import Titles, console_of_answers, slate_table

    with Client(gateway, caller="cli") as client:
        answer = client.similar_items(item, limit=limit)
        if as_json:
            print_message(answer)
            return
        titles = Titles(client, [item, *(near.item_id for near in answer.items)])
        console_of_answers().print(
            f"like [bold]{titles.title(item)}[/bold]", slate_table(answer.items, titles), sep="\n"
        )


def rank(
    user: str, items: list[str], *, explain: bool = False, as_json: AsJson = False, gateway: Gateway = DEFAULT_GATEWAY
) -> None:
    """Let a gateway rank items of your own for a user."""
    from shortlist.client import Client
    from shortlist.screen.answers import console_of_answers, show_answer

    with Client(gateway, caller="cli") as client:
        answer = client.rank(user, items, explain=explain)
        if as_json:
            print_message(answer)
            return
        show_answer(console_of_answers(), client, user, answer, why_first=explain)
        if answer.unknown_item_ids:
            Console().print(f"not in the catalogue: {', '.join(answer.unknown_item_ids)}")


def record(
    user: str,
    item: str,
    *,
    event_type: Annotated[EventName, typer.Option("--type", help="What the user did.")],
    value: Annotated[float, typer.Option(help="Price paid, rating given, seconds watched.")] = 0.0,
    as_json: AsJson = False,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Tell a gateway what a user did with an item just now."""
    from shortlist.client import Client

    with Client(gateway, caller="cli") as client:
        result = client.record(user, item, event_type, value=value)
    if result.reason:
        raise InputError(result.reason)
    if as_json:
        print_message(result)
        return
    print(f"recorded: {event_type} of {item} by {user}, version {result.row_version} of the user's row")


def status(*, gateway: Gateway = DEFAULT_GATEWAY) -> None:
    """Say whether a gateway serves."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(gateway) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2.0)
    print(f"{gateway}: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise typer.Exit(1)
