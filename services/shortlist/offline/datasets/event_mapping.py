"""The TOML file that says what the columns of a user's own log are: read, checked, and refused with the key's name."""

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.datasets.kinds import NAMED_FORMS

IGNORED = 0
"""In place of an `EventType`, for what the user wants dropped."""
_NUMBERS = {"ignore": IGNORED, **{kind.name.lower(): int(kind) for kind in EventType}}

TypeName = Literal["impression", "view", "click", "cart", "purchase", "hide"]
AttributeKind = Literal["category", "number", "text"]
Name = Annotated[str, Field(min_length=1)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    def refuse_repeats(self, columns: Iterable[str | None]) -> None:
        """Raise ValueError where one column of the file would be two things."""
        repeated = [column for column, count in Counter(filter(None, columns)).items() if count > 1]
        if repeated:
            raise ValueError(f"column {repeated[0]} is named twice")


class EventColumns(_Section):
    """Section `[events]`: the file of events and its columns.

    Args:
        file: CSV, CSV in gzip or parquet; relative to the TOML.
        user: Column of user ids.
        item: Column of item ids.
        time: Column of times.
        time_format: `iso`, `seconds`, `milliseconds` or a strptime format; None: found from the column.
        type: Column of the kinds of events.
        types: The file's names of types to ours, or to `ignore`; without it they are ours.
        default_type: What every event is where there is no column of types.
        value: Column of money paid, or of whatever an event is worth.
    """

    file: Path
    user: Name
    item: Name
    time: Name
    time_format: Name | None = None
    type: Name | None = None
    types: dict[Name, Literal[TypeName, "ignore"]] | None = None
    default_type: TypeName | None = None
    value: Name | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.refuse_repeats((self.user, self.item, self.time, self.type, self.value))
        if (self.type is None) == (self.default_type is None):
            raise ValueError("either type, a column, or default_type is needed, and not both")
        if self.type is None and self.types is not None:
            raise ValueError("types says what the names in a column mean, and no column type is named")
        if self.time_format is not None and self.time_format not in NAMED_FORMS and "%" not in self.time_format:
            raise ValueError("time_format is neither iso, seconds, milliseconds nor a strptime format")
        return self

    @property
    def type_numbers(self) -> dict[str, int]:
        """The file's names of types as the numbers of `EventType`, or `IGNORED`."""
        names = self.types or {name: name for name in get_args(TypeName)}
        return {theirs: _NUMBERS[ours] for theirs, ours in names.items()}

    @property
    def default_number(self) -> int | None:
        """The number of the one type that all events have, where the file has no column of types."""
        return None if self.default_type is None else _NUMBERS[self.default_type]


class ItemColumns(_Section):
    """Section `[items]`: the file of items and its columns.

    Args:
        file: CSV, CSV in gzip or parquet; relative to the TOML.
        id: Column of item ids.
        title: Column of titles.
        categories: One column or several, from general to special.
        separator: What stands between several categories in one column.
        price: Column of prices.
        attributes: Further columns, and what each is: it filters, is a number, or is read.
    """

    file: Path
    id: Name
    title: Name | None = None
    categories: Annotated[tuple[Name, ...], BeforeValidator(_listed)] = ()
    separator: Name | None = None
    price: Name | None = None
    attributes: dict[Name, AttributeKind] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.refuse_repeats((self.id, self.title, *self.categories, self.price, *self.attributes))
        return self

    def attributes_of(self, kind: AttributeKind) -> tuple[str, ...]:
        """Name the attribute columns of a kind."""
        return tuple(column for column, found in self.attributes.items() if found == kind)


class EventMapping(_Section):
    """The whole file."""

    events: EventColumns
    items: ItemColumns | None = None

    @classmethod
    def read(cls, path: Path) -> "EventMapping":
        """Read a TOML file; the files that it names are made relative to its folder.

        Raises:
            InputError: it is no TOML, or one of its keys is missing, unknown or wrong.
        """
        try:
            mapping = cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not TOML ({error})") from error
        except ValidationError as error:
            raise InputError(f"{path}: {_sentence(error)}") from error
        located = {
            name: section.model_copy(update={"file": path.parent / section.file})
            for name, section in (("events", mapping.events), ("items", mapping.items))
            if section is not None
        }
        return mapping.model_copy(update=located)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        return f"there is no key {key}"
    if first["type"] == "missing":
        return f"the key {key} is missing"
    return f"{key}: {first['msg'].removeprefix('Value error, ')}"
