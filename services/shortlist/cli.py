"""The `shortlist` command. Imports are lazy: `shortlist recommend` loads no torch, and starts in a blink."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import grpc
import typer
from google.protobuf import json_format
from rich.console import Console

from shortlist.core.errors import InputError, ReleaseRefusedError, ShortlistError
from shortlist.release.manifest import Precision
from shortlist.screen.catalogue import DEFAULT_GATEWAY, Gateway, items_app

app = typer.Typer(
    name="shortlist",
    help="A self-hosted, low-latency recommendation serving cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
release_app = typer.Typer(help="Releases on disk.", no_args_is_help=True)
app.add_typer(release_app, name="release")
index_app = typer.Typer(help="The index of a release.", no_args_is_help=True)
app.add_typer(index_app, name="index")
rules_app = typer.Typer(help="Rules for slates.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")
events_app = typer.Typer(help="Recorded events.", no_args_is_help=True)
app.add_typer(events_app, name="events")

app.add_typer(items_app, name="items")

EventName = Literal["impression", "view", "click", "cart", "purchase", "hide"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option(min=0, max=200, help="How many items; 0 is the server's default.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


@app.command()
def up(
    release: Annotated[Path, typer.Option(help="Directory of the release.")],
    *,
    ranker: Annotated[str, typer.Option(help="auto, triton or onnxruntime.")] = "auto",
    as_json: AsJson = False,
    gateway_port: Port = 50051,
    metrics_port: Port = 9464,
    redis_port: Port = 6379,
    triton_http_port: Port = 8000,
    triton_grpc_port: Port = 8001,
    triton_metrics_port: Port = 8002,
    features_metrics_port: Port = 0,
    run_dir: Annotated[Path | None, typer.Option(help="Keep the logs here.")] = None,
) -> None:
    """Run the embedded cluster in the foreground: Valkey, Triton, the gateway and consumers of events, on loopback."""
    from shortlist.local.embedded import RankerChoice
    from shortlist.local.ports import Ports
    from shortlist.local.up import up as run

    ports = Ports(
        gateway_port,
        metrics_port,
        redis_port,
        triton_http_port,
        triton_grpc_port,
        triton_metrics_port,
        features_metrics_port,
    )
    run(release, ports, _choice(RankerChoice, ranker, "--ranker"), as_json=as_json, run_dir=run_dir)


@app.command()
def demo(
    release: Annotated[Path, typer.Option(help="Directory of the release.")],
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the answers.")] = False,
) -> None:
    """Run the embedded cluster and show recommendations for a few users of the release."""
    from shortlist.local.demo import demo as run

    run(release, once=once)


@app.command()
def recommend(
    user: str,
    *,
    limit: Limit = 10,
    session: Annotated[list[str] | None, typer.Option(help="Items touched in this session, oldest first.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only items with one of these categories.")] = None,
    diversity: Annotated[float, typer.Option(min=0.0, max=1.0, help="0 is by score alone, 1 by novelty.")] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Say why.")] = False,
    as_json: AsJson = False,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Ask a gateway what a user should see now."""
    from shortlist.client import Client
    from shortlist.screen.answers import console_of_answers, show_answer
    from shortlist.v1 import recommender_pb2

    condition = recommender_pb2.Filter(include_categories=category or [])
    with Client(gateway, caller="cli") as client:
        answer = client.recommend(
            user,
            limit=limit,
            session_item_ids=session or [],
            condition=condition,
            diversity=diversity,
            explain=explain,
        )
        if as_json:
            _print_message(answer)
            return
        show_answer(console_of_answers(), client, user, answer, why_first=explain)


@app.command()
def similar(item: str, *, limit: Limit = 10, as_json: AsJson = False, gateway: Gateway = DEFAULT_GATEWAY) -> None:
    """Ask a gateway which items are like one."""
    from shortlist.client import Client
    from shortlist.screen.answers import Titles, console_of_answers, slate_table

    with Client(gateway, caller="cli") as client:
        answer = client.similar_items(item, limit=limit)
        if as_json:
            _print_message(answer)
            return
        titles = Titles(client, [item, *(near.item_id for near in answer.items)])
        console_of_answers().print(
            f"like [bold]{titles.title(item)}[/bold]", slate_table(answer.items, titles), sep="\n"
        )


@app.command()
def rank(
    user: str, items: list[str], *, explain: bool = False, as_json: AsJson = False, gateway: Gateway = DEFAULT_GATEWAY
) -> None:
    """Let a gateway rank items of your own for a user."""
    from shortlist.client import Client
    from shortlist.screen.answers import console_of_answers, show_answer

    with Client(gateway, caller="cli") as client:
        answer = client.rank(user, items, explain=explain)
        if as_json:
            _print_message(answer)
            return
        show_answer(console_of_answers(), client, user, answer, why_first=explain)
        if answer.unknown_item_ids:
            Console().print(f"not in the catalogue: {', '.join(answer.unknown_item_ids)}")


@app.command()
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
        _print_message(result)
        return
    print(f"recorded: {event_type} of {item} by {user}, version {result.row_version} of the user's row")


@app.command()
def train(
    dataset: Annotated[str, typer.Option(help="Name of the dataset adapter, such as online-retail.")],
    out: Annotated[Path, typer.Option(help="Directory of the new release; must not exist.")],
    *,
    path: Annotated[Path | None, typer.Option(help="Where the raw log lies.")] = None,
    holdout: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of the newest events kept for the test.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    precision: Annotated[Precision, typer.Option(help="fp32 is the way out where the gate refuses int8.")] = "int8",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="auto is CUDA where there is one.")] = "auto",
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder to keep the towers' training in; the same command goes on from there.")
    ] = None,
) -> None:
    """Turn a raw behaviour log into a verified release."""
    from shortlist.offline.build import train as run

    run(
        dataset,
        path,
        out,
        holdout=holdout,
        seed=seed,
        precision=precision,
        device=device,
        checkpoints=checkpoints,
    )


@app.command()
def evaluate(
    release: Path,
    *,
    dataset: Annotated[str, typer.Option(help="Name of the dataset adapter.")],
    path: Annotated[Path | None, typer.Option(help="Where the raw log lies.")] = None,
) -> None:
    """Measure a release on the part of the log that it has not seen, next to baselines."""
    from shortlist.offline.evaluate import evaluate as run

    run(release, dataset, path)


@release_app.command()
def verify(release: Path) -> None:
    """Check every file of a release against its manifest."""
    from shortlist.release.bundle import Release

    opened = Release.open(release)
    Console().print(
        f"{opened.id}: {len(opened.manifest.files)} files, {opened.manifest.item_count} items, all as they were written"
    )


@release_app.command("import")
def import_(
    items: Annotated[Path, typer.Option(help="Table of id, embedding and what else is known; or an .npy and --ids.")],
    query_tower: Annotated[Path, typer.Option(help="ONNX, a user's history to a point among the embeddings.")],
    ranker: Annotated[Path, typer.Option(help="ONNX, candidates to scores.")],
    out: Annotated[Path, typer.Option(help="Directory of the new release; must not exist.")],
    *,
    ids: Annotated[Path | None, typer.Option(help="Ids of the rows of an .npy: .txt, .json or a table.")] = None,
    users: Annotated[Path | None, typer.Option(help="Table of events for a start: user, item, time, ...")] = None,
    neighbours: Annotated[Path | None, typer.Option(help="Table of id, neighbour and weight.")] = None,
    name: Annotated[str, typer.Option(help="The release's id begins with it.")] = "imported",
) -> None:
    """Make a release of models of your own; docs/bring-your-own.md says what they take."""
    from shortlist.offline.imports.release import import_release as run

    manifest = run(items, query_tower, ranker, out, ids=ids, users=users, neighbours=neighbours, name=name).manifest
    print(f"{manifest.id}: {manifest.item_count} items in {manifest.embedding_dimension} dimensions")
    print(f"candidate_dense: {', '.join(manifest.features.candidate_dense)}")
    for note in manifest.notes:
        print(f"note: {note}")


@index_app.command()
def tune(
    release: Path,
    out: Annotated[Path, typer.Option(help="Directory of the new release; must not exist.")],
    *,
    recall: Annotated[float, typer.Option(min=0.5, max=1.0, help="Least share of the 200 nearest to find.")] = 0.97,
) -> None:
    """Draw recall against latency, and make a release that searches as little as gives the recall."""
    from shortlist.offline.release_tuning import tune as run

    for line in run(release, out, least_recall=recall):
        print(line)


@rules_app.command()
def check(
    file: Path,
    *,
    release: Annotated[Path | None, typer.Option(help="Look for its items and categories, too.")] = None,
) -> None:
    """Check a file of rules and say what it was understood to mean."""
    from shortlist.gateway.row_rules import row_rules
    from shortlist.gateway.rules_file import RulesFile
    from shortlist.release.bundle import Release

    rules = RulesFile.read(file)
    notes = row_rules(rules, Release.open(release))[1] if release else ()
    print(f"{file}: {len(rules.stated)} rules")
    for stated in rules.stated:
        print(f"line {stated.line}: {stated.title}: {stated.rule.sentence()}")
    for note in notes:
        print(f"note: {note}")


@rules_app.command("dry-run")
def dry_run(
    file: Path, *, release: Annotated[Path, typer.Option(help="Whose recorded requests are answered.")]
) -> None:
    """Say what a file of rules would do to the slates of recorded requests."""
    from shortlist.gateway.rules_dry_run import dry_run as run
    from shortlist.release.bundle import Release

    for line in run(file, Release.open(release)):
        print(line)


@events_app.command()
def export(
    out: Annotated[Path, typer.Option(help="Parquet file to write; must not exist, nor the .toml beside it.")],
    *,
    release: Annotated[Path | None, typer.Option(help="Write titles, categories and prices of its items, too.")] = None,
) -> None:
    """Write the events that Redis holds (SHORTLIST_FEATURES_REDIS_URL) as a log that `train --dataset events` reads."""
    from contextlib import closing

    from shortlist.features.config import FeatureSettings
    from shortlist.features.event_log import EventLog
    from shortlist.offline.event_export import export_events
    from shortlist.release.bundle import Release

    with closing(EventLog.connect(FeatureSettings())) as log:
        exported = export_events(log.pages(), out, Release.open(release) if release else None)
    print(f"{out}: {exported.events} events; train on them with --dataset events --path {exported.toml}")


@app.command()
def status(*, gateway: Gateway = DEFAULT_GATEWAY) -> None:
    """Say whether a gateway serves."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(gateway) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2.0)
    print(f"{gateway}: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise typer.Exit(1)


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


def _print_message(message: Any) -> None:
    fields = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    print(json.dumps(fields, indent=2))


def _choice(kind: Any, value: str, option: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise InputError(f"{option} must be one of {', '.join(kind)}, got {value!r}") from error


if __name__ == "__main__":
    main()
