"""Loops compiled to machine code: the hot path's work between the kernels.

A batch of one spent 0.6 ms in some hundred small NumPy calls, and every one of them may hand the interpreter's lock to
another thread. A compiled loop does the same in microseconds without the lock. Compiled at the first import, some 13 s
in all, and kept for the next: under NUMBA_CACHE_DIR, beside the sources or in the user's cache.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

Function = TypeVar("Function", bound=Callable[..., Any])

BOOL, U8, I32, I64, U64 = types.boolean, types.uint8, types.int32, types.int64, types.uint64
F32, F64 = types.float32, types.float64


def given(element: Any, dimensions: int) -> Any:
    """Name the type of a C-contiguous array that a loop reads; files that are mapped may not be written."""
    return types.Array(element, dimensions, "C", readonly=True)


def filled(element: Any, dimensions: int) -> Any:
    """Name the type of a C-contiguous array that a loop writes."""
    return types.Array(element, dimensions, "C")


def compiled(*arguments: Any) -> Callable[[Function], Function]:
    """Compile a function for arguments of these types and no others, so that no call ever waits for the compiler."""

    def compile_it(function: Function) -> Function:
        try:
            made = numba.njit(arguments, nogil=True, cache=True)(function)
        except RuntimeError as error:  # Numba has no name of its own for the lack of a place
            if "no locator available" not in str(error):
                raise
            warnings.warn(f"compiled at every start, as nothing can be kept: {error}", RuntimeWarning, stacklevel=2)
            made = numba.njit(arguments, nogil=True)(function)
        return cast("Function", made)

    return compile_it
