"""A hundred thousand strings as two arrays: a Python list of them would cost ten times the memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.core.arrays import I32, I64, U8, AnyArray


@dataclass(frozen=True, slots=True)
class StringTable(Sequence[str]):
    """Immutable strings, packed.

    Args:
        offsets: (n + 1,) int64, where string i begins and ends in `utf8`.
        utf8: All strings one after the other.
    """

    offsets: I64
    utf8: U8

    @classmethod
    def pack(cls, strings: Iterable[str]) -> "StringTable":
        """Pack strings in their order."""
        encoded = [string.encode() for string in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(part) for part in encoded], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(encoded), np.uint8))

    def arrays(self, name: str) -> dict[str, AnyArray]:
        """Name the two arrays for an npz file."""
        return {f"{name}_offsets": self.offsets, f"{name}_utf8": self.utf8}

    @classmethod
    def from_arrays(cls, name: str, arrays: "dict[str, AnyArray]") -> "StringTable":
        """Read what `arrays` named; KeyError or ValueError where it does not fit together."""
        offsets, utf8 = arrays[f"{name}_offsets"], arrays[f"{name}_utf8"]
        if offsets.ndim != 1 or len(offsets) == 0 or (np.diff(offsets) < 0).any():
            raise ValueError(f"string table {name!r} is inconsistent")
        if offsets[0] != 0 or offsets[-1] != len(utf8):
            raise ValueError(f"string table {name!r} is inconsistent")
        return cls(offsets.astype(np.int64, copy=False), utf8)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def pick(self, places: I32 | I64) -> list[str]:
        """Unpack the strings at (n,) places, each from 0 to before the length."""
        begins, ends = self.offsets[places].tolist(), self.offsets[places + 1].tolist()
        packed = self.utf8.data
        return [str(packed[begin:end], "utf-8") for begin, end in zip(begins, ends, strict=True)]

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # Sequence's overloads add nothing here
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.utf8[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()
