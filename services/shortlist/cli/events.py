"""`shortlist events`: what gateways recorded."""

from pathlib import Path
from typing import Annotated

import typer

events_app = typer.Typer(help="Recorded events.", no_args_is_help=True)


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
