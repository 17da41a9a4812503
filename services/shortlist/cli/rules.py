"""`shortlist rules`: what a file of rules means, and what it would do."""

from pathlib import Path
from typing import Annotated

import typer

rules_app = typer.Typer(help="Rules for slates.", no_args_is_help=True)


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
