"""What tower training needs to go on where it was interrupted: a file for each set of sources, by its moment.

A file belongs to one log and one recipe. It may be continued on another device; bit for bit the same release comes of
it on the same.
"""

import hashlib
import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shortlist.core.errors import InputError
from shortlist.features.encode import USER_DENSE
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.splits import Split

SCHEMA = 1
"""Raised when the towers, or what is kept of their training, change their form."""

State = dict[str, Any]
"""Tensors and plain values, nested."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file.

    Args:
        path: Of the file; its folder exists.
        origin: What it is of, by name: of any other origin it is refused.
    """

    path: Path
    origin: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, split: Split, at_s: int, settings: Mapping[str, object], seed: int) -> "Checkpoint":
        """Name the file of the towers that know what lies before a moment, in a folder, made where there is none.

        Args:
            folder: Where.
            split: What is trained on.
            at_s: The moment, seconds since 1970.
            settings: The towers', by name.
            seed: The same.

        Raises:
            InputError: the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made for --checkpoints: {error.strerror}") from error
        past, items = split.interactions, split.catalogue.arrays()
        origin = {
            "schema": f"{SCHEMA}: {', '.join((*ITEM_COLUMNS, *USER_DENSE))}",
            "dataset": split.train.dataset,
            "events": _hash(
                *past.user_ids, *past.vocabulary.ids, past.users, past.rows, past.types, past.times, past.values
            ),
            "items": _hash(*split.texts, *(part for name in sorted(items) for part in (name, items[name]))),
            "moment": str(at_s),
            **{name: str(value) for name, value in settings.items()},
            "seed": str(seed),
        }
        return cls(folder / f"towers-{at_s}.pt", origin)

    def read(self) -> State | None:
        """Read what `write` wrote last; None where nothing was.

        Raises:
            InputError: it is damaged, or of another origin; names what differs.
        """
        if not self.path.exists():
            return None
        try:
            document = torch.load(self.path, map_location="cpu", weights_only=True)
            origin, state = document["origin"], document["state"]
        except (OSError, RuntimeError, EOFError, LookupError, TypeError, pickle.UnpicklingError, zipfile.BadZipFile):
            raise InputError(f"{self.path} is damaged, or no checkpoint: delete it to train from the start") from None
        names = self.origin.keys() | origin.keys()
        if differing := sorted(name for name in names if self.origin.get(name) != origin.get(name)):
            raise InputError(
                f"{self.path} is of another training, of which {', '.join(differing)} differ: name another folder with "
                "--checkpoints, or delete the file"
            )
        return dict(state)

    def write(self, state: State) -> None:
        """Write beside and rename, so that there is always a whole file.

        Raises:
            InputError: it cannot be written, as on a full disk; what was written before is left.
        """
        content = io.BytesIO()  # PyTorch reports a failed write without its cause
        torch.save({"origin": dict(self.origin), "state": state}, content)
        partial = self.path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            folder = self.path.parent
            free = f"{shutil.disk_usage(folder).free:,} are free there" if folder.is_dir() else "its folder is gone"
            raise InputError(
                f"{self.path} cannot be written: {error.strerror}; it takes {content.tell():,} bytes, and {free}"
            ) from error
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _hash(*parts: Any) -> str:
    """Name a sequence of texts and arrays; the length before each part keeps ("ab", "c") from being ("a", "bc")."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part.tobytes()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()
