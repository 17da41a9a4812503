"""`shortlist up` and `shortlist demo`: the embedded cluster."""

from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.cli.options import AsJson
from shortlist.core.errors import InputError

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


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


def demo(
    release: Annotated[Path, typer.Option(help="Directory of the release.")],
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the answers.")] = False,
) -> None:
    """Run the embedded cluster and show recommendations for a few users of the release."""
    from shortlist.local.demo import demo as run

    run(release, once=once)


def _choice(kind: Any, value: str, option: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise InputError(f"{option} must be one of {', '.join(kind)}, got {value!r}") from error
