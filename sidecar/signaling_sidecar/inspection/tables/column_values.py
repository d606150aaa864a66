"""Yields the values of a column as Python objects.

The texts of a large log do not fit into memory twice. So only a part of a column is converted at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from signaling_sidecar.inspection.tables.progress import Progress

_PART_ROWS = 16_384  # 10 MB of text in a usual log


def values_of(
    column: pd.Series[Any],
    where: npt.NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> Iterator[Any]:
    """Yield the values of a column, or only those in the rows where `where` is true. None stands for a missing value.

    Equal values of a categorical column are the same object. `progress` counts rows.
    """
    array: Any = column.array
    is_categorical = isinstance(array, pd.Categorical)
    names = np.array([*array.categories, None], dtype=object) if is_categorical else None
    for start in range(0, len(array), _PART_ROWS):
        if progress is not None:
            progress.reached(start)
        part = array[start : start + _PART_ROWS]
        if where is not None:
            part = part[where[start : start + _PART_ROWS]]
        # The code of a missing value is -1, which is the last element.
        objects = names[part.codes] if names is not None else part.to_numpy(dtype=object, na_value=None)
        yield from objects.tolist()
