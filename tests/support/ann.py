"""Ann, who buys lamps, and Bo, who buys bread and one tea: whom the pipeline's tests ask for."""

import numpy as np

from shortlist.core.types import Query
from shortlist.features.row import UserRow
from support.pipelines import Kitchen
from support.tiny_release import item_id, numbers_in, user_row

LAMPS = numbers_in("Lamps")
BOUGHT = LAMPS[:5]
ANN = Query("ann", 10)
SESSION = tuple(item_id(number) for number in numbers_in("Tea")[:3])


def rows() -> dict[str, UserRow]:
    """Give their stored rows."""
    return {"ann": user_row(BOUGHT), "bo": user_row([*numbers_in("Bread")[:6], numbers_in("Tea")[0]], version=4)}


def numbers(place: Kitchen, rows_: np.ndarray) -> list[int]:
    """Number the items of rows."""
    return [int(place.release.vocabulary.id_of(row).removeprefix("item-")) for row in rows_.tolist()]
