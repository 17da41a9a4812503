"""The rules that hold now: those of a file over the release that is served, read again whenever the file changes."""

import logging
from pathlib import Path
from typing import TypeAlias

from shortlist.core.errors import InputError, StartError
from shortlist.core.rules import RowRules
from shortlist.gateway.row_rules import row_rules
from shortlist.gateway.rules_file import RulesFile
from shortlist.release.bundle import Release
from shortlist.telemetry.gateway import GatewayMetrics

_LOGGER = logging.getLogger(__name__)
_NOTES_SHOWN = 5
_State: TypeAlias = tuple[int, int, int] | None


class RulesInForce:
    """Gives the rules to any thread; one thread looks after the file.

    Args:
        path: The file.
        release: What is served.
        metrics: Counts changes.

    Raises:
        StartError: the file is refused; with nothing to keep there is nothing to go on with.
    """

    def __init__(self, path: Path, release: Release, metrics: GatewayMetrics) -> None:
        self._path, self._release, self._metrics = path, release, metrics
        self._seen = _state_of(path)
        try:
            self._rules = self._read()
        except InputError as error:
            raise StartError(f"SHORTLIST_GATEWAY_RULES: {error}") from error

    def __call__(self) -> RowRules:
        """Give the rules that hold now."""
        return self._rules

    def look(self) -> None:
        """Read the file again where it has changed; where it is refused the old rules stay, counted and logged."""
        state = _state_of(self._path)
        if state == self._seen:
            return
        # Noted before it is read: a change while it is read shows at the next look.
        self._seen = state
        try:
            self._rules = self._read()
        except InputError as error:
            self._metrics.rules_reloads.labels("refused").inc()
            self._metrics.rules_refused.set(1)
            _LOGGER.error("the old rules stay: %s", error)  # noqa: TRY400  # the sentence says it all
        else:
            self._metrics.rules_reloads.labels("applied").inc()
            self._metrics.rules_refused.set(0)

    def _read(self) -> RowRules:
        file = RulesFile.read(self._path)
        rules, notes = row_rules(file, self._release)
        self._metrics.rules.set(len(file.stated))
        _LOGGER.info("%d rules of %s hold", len(file.stated), self._path)
        for note in notes[:_NOTES_SHOWN]:
            _LOGGER.warning("%s: %s", self._path, note)
        if len(notes) > _NOTES_SHOWN:
            _LOGGER.warning("%s: and %d more that the release does not have", self._path, len(notes) - _NOTES_SHOWN)
        return rules


def _state_of(path: Path) -> _State:
    """Tell what changes with a file: its time, its size, and which file it is, since many are replaced by rename."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
