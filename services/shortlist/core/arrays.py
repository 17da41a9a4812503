"""Short names for the array types that cross module boundaries. B: requests, H: history, N: candidates."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U64 = NDArray[np.uint64]
Bool = NDArray[np.bool_]
Structured = NDArray[np.void]
AnyArray = NDArray[Any]
