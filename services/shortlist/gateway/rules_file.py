"""A file of rules: read, checked, and refused with file, line and reason; two rules that contradict are both named.

Python's TOML reader tells no lines. Every rule is a table of its own, so the headers are found in the text, the n-th
[[pin]] of the text being the n-th pin that was read; where the numbers differ, as with an array written inline, the
file is refused.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from shortlist.core.errors import InputError
from shortlist.gateway.rules import Boost, Bury, Cap, Claim, Pin, Rule

AnyRule: TypeAlias = Cap | Pin | Boost | Bury
KINDS: Mapping[str, type[AnyRule]] = {"cap": Cap, "pin": Pin, "boost": Boost, "bury": Bury}
MAX_BYTES = 1024 * 1024
MOST: Mapping[str, int] = {"cap": 32, "pin": 20, "boost": 500, "bury": 500}
"""Rules of a kind; what a slate costs grows with the caps, and pins take the places of candidates."""
_HEADER = re.compile(r"""^\s*\[{1,2}\s*["']?(\w+)["']?\s*\]{1,2}\s*(#.*)?$""")


@dataclass(frozen=True, slots=True)
class StatedRule:
    """A rule where it stands.

    Args:
        kind: What it is, as in `KINDS`.
        rule: The rule.
        line: Its header's line in the file, from 1.
    """

    kind: str
    rule: AnyRule
    line: int

    @property
    def title(self) -> str:
        """Its kind and name."""
        return f'{self.kind} "{self.rule.name}"'


@dataclass(frozen=True, slots=True)
class RulesFile:
    """The rules of a file, in its order, no two of them in contradiction."""

    path: Path
    stated: Sequence[StatedRule]

    @classmethod
    def read(cls, path: Path) -> "RulesFile":
        """Read and check a file.

        Raises:
            InputError: it cannot be read, is no TOML, or a rule is wrong or contradicts another.
        """
        text = _text(path)
        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError(f"{path}: not TOML ({error})") from error
        lines = _header_lines(text)
        stated: list[StatedRule] = []
        for kind, tables in document.items():
            stated += _rules(path, kind, tables, lines[kind])
        rules = cls(path, sorted(stated, key=lambda found: found.line))
        rules._refuse_contradictions()
        return rules

    def contradiction(self, one: StatedRule, other: StatedRule, over: str) -> InputError:
        """Make the error for two rules that cannot both hold."""
        first, second = sorted((one, other), key=lambda found: found.line)
        reason = f"{second.title} contradicts {first.title} of line {first.line}: {over}"
        return _refusal(self.path, second.line, reason)

    def refusal(self, stated: StatedRule, reason: str) -> InputError:
        """Make the error for one rule."""
        return _refusal(self.path, stated.line, f"{stated.title}: {reason}")

    def _refuse_contradictions(self) -> None:
        decided: dict[str, tuple[int, StatedRule]] = {}
        for stated in self.stated:
            for thing, direction in _claims(stated.rule):
                before, other = decided.setdefault(thing, (direction, stated))
                if other is not stated and (direction != before or direction == 0):
                    raise self.contradiction(other, stated, f"both decide {thing}")


def _claims(rule: Rule) -> Sequence[Claim]:
    """List each claim once, however often a rule repeats itself."""
    return list(dict.fromkeys(rule.claims()))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            read = file.read(MAX_BYTES + 1)
        if len(read) > MAX_BYTES:
            raise InputError(f"{path}: longer than {MAX_BYTES} bytes")
        return read.decode()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error


def _header_lines(text: str) -> defaultdict[str, list[int]]:
    """Find the lines on which tables begin, by their names."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        if header:
            lines[header[1]].append(number)
    return lines


def _rules(path: Path, kind: str, tables: Any, lines: Sequence[int]) -> list[StatedRule]:
    line = lines[0] if lines else None
    if kind not in KINDS:
        raise _refusal(path, line, f"there is no rule {kind}; there are {', '.join(KINDS)}")
    if not isinstance(tables, list) or len(tables) != len(lines):
        raise _refusal(path, line, f"{kind}: every rule is a table of its own, under [[{kind}]] on a line of its own")
    if len(tables) > MOST[kind]:
        raise _refusal(path, lines[MOST[kind]], f"{kind}: at most {MOST[kind]}, here are {len(tables)}")
    return [_rule(path, kind, table, number) for table, number in zip(tables, lines, strict=True)]


def _rule(path: Path, kind: str, table: Mapping[str, Any], line: int) -> StatedRule:
    try:
        return StatedRule(kind, KINDS[kind].model_validate(table), line)
    except ValidationError as error:
        name = table.get("name")
        title = f'{kind} "{name}"' if isinstance(name, str) and name else kind
        raise _refusal(path, line, f"{title}: {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"there is no key {key}"
    if first["type"] == "missing":
        return f"the key {key} is missing"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{key}: {reason}" if key else reason


def _refusal(path: Path, line: int | None, reason: str) -> InputError:
    return InputError(f"{path}: {reason}" if line is None else f"{path}:{line}: {reason}")
