"""`shortlist release` and `shortlist index`: releases on disk."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

release_app = typer.Typer(help="Releases on disk.", no_args_is_help=True)
index_app = typer.Typer(help="The index of a release.", no_args_is_help=True)


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
