"""A file of rules over one release: item ids and categories to rows."""

from collections.abc import Iterable, Sequence

import numpy as np

from shortlist.core.arrays import I32, Bool
from shortlist.core.rules import Move, RowRules
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.gateway.rules import Boost, Bury, Cap, Pin, Targeted
from shortlist.gateway.rules_file import RulesFile, StatedRule
from shortlist.release.bundle import Release


def row_rules(file: RulesFile, release: Release) -> tuple[RowRules, Sequence[str]]:
    """Find the rows that the rules mean.

    Returns:
        The rules, and a note for each item or category that the release does not have: the rest of its rule holds.

    Raises:
        InputError: a cap is of a level that the release does not have, or pins break a cap.
    """
    return _Binding(file, release).rules()


class _Binding:
    def __init__(self, file: RulesFile, release: Release) -> None:
        self._file, self._vocabulary, self._catalogue = file, release.vocabulary, release.catalogue
        self._numbers = {name: number for number, name in enumerate(release.catalogue.category_names) if number}
        self._notes: list[str] = []
        self._pins: list[tuple[StatedRule, int]] = []
        self._caps: list[tuple[StatedRule, Cap, I32]] = []
        rows = release.vocabulary.row_count
        self._log_odds, self._is_buried = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
        self._places = np.full(rows, -1, np.int32)
        self._moves: list[Move] = []

    def rules(self) -> tuple[RowRules, Sequence[str]]:
        for stated in self._file.stated:
            match stated.rule:
                case Cap():
                    self._cap(stated, stated.rule)
                case Pin():
                    self._pin(stated, stated.rule)
                case Boost():
                    rows = self._targets(stated, stated.rule)
                    self._log_odds[rows] += np.float32(stated.rule.added_log_odds)
                    self._moves.append(Move(stated.rule.name, rows, needs_scores=True))
                case Bury():
                    rows = self._targets(stated, stated.rule)
                    self._is_buried[rows] = True
                    self._moves.append(Move(stated.rule.name, rows))
        self._refuse_broken_caps()
        groups = [groups for _, _, groups in self._caps]
        nothing = np.zeros((len(self._places), 0), np.int32)
        bound = RowRules(
            log_odds=self._log_odds,
            is_buried=self._is_buried,
            places=self._places,
            pinned=np.array([row for _, row in self._pins], np.int32),
            groups=np.stack(groups, axis=1) if groups else nothing,
            most=np.array([cap.most for _, cap, _ in self._caps], np.int32),
            group_count=len(self._catalogue.category_names),
            moves=tuple(self._moves),
        )
        return bound, tuple(self._notes)

    def _cap(self, stated: StatedRule, cap: Cap) -> None:
        if cap.category is not None:
            groups = self._in_categories(stated, [cap.category]).astype(np.int32)
        else:
            level, levels = cap.level or 0, self._catalogue.categories.shape[1]
            if level > levels:
                raise self._file.refusal(stated, f"level {level}: the items of the release have {levels}")
            groups = self._catalogue.categories[:, level - 1]
        self._caps.append((stated, cap, groups))

    def _pin(self, stated: StatedRule, pin: Pin) -> None:
        for row in self._rows(stated, [pin.item]).tolist():
            self._pins.append((stated, row))
            self._places[row] = pin.position - 1
            self._moves.append(Move(pin.name, np.array([row], np.int32), place=pin.position - 1))

    def _targets(self, stated: StatedRule, rule: Targeted) -> I32:
        in_categories = np.flatnonzero(self._in_categories(stated, rule.categories))
        return np.union1d(self._rows(stated, rule.items), in_categories).astype(np.int32)

    def _rows(self, stated: StatedRule, items: Sequence[str]) -> I32:
        rows = self._vocabulary.rows_of_ids(items)
        self._note(stated, "item", [item for item, row in zip(items, rows, strict=True) if row < FIRST_ITEM_ROW])
        return rows[rows >= FIRST_ITEM_ROW]

    def _in_categories(self, stated: StatedRule, names: Sequence[str]) -> Bool:
        self._note(stated, "category", [name for name in names if name not in self._numbers])
        is_named = np.zeros(len(self._catalogue.category_names), np.bool_)
        is_named[[self._numbers[name] for name in names if name in self._numbers]] = True
        return np.asarray(is_named[self._catalogue.categories].any(axis=1))

    def _note(self, stated: StatedRule, kind: str, missing: Iterable[str]) -> None:
        self._notes += [f'line {stated.line}: {stated.title}: the release has no {kind} "{name}"' for name in missing]

    def _refuse_broken_caps(self) -> None:
        for stated, cap, groups in self._caps:
            pinned: dict[int, int] = {}
            for pin, row in self._pins:
                group = int(groups[row])
                pinned[group] = pinned.get(group, 0) + 1
                if group and pinned[group] > cap.most:
                    reason = f"{pinned[group]} items are pinned where {cap.sentence()} may stand"
                    raise self._file.contradiction(stated, pin, reason)
