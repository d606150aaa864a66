"""Converts columns of a large table from and to Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.progress import Progress

_PART_ROWS = 16_384  # rows that are converted at a time: 10 MB of text in a usual log


def values_of(
    column: pd.Series[Any],
    where: npt.NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> Iterator[Any]:
    """Return the values of a column, or only those in the rows where `where` is true. None stands for a missing value.

    Only a part of the column is converted at a time, because the texts of a large log do not fit into memory twice.
    Equal values of a categorical column are the same object. `progress` counts rows.
    """
    return chain.from_iterable(_parts_of(column, where, progress))  # faster than a generator that yields each value


def _parts_of(
    column: pd.Series[Any], where: npt.NDArray[np.bool_] | None, progress: Progress | None
) -> Iterator[list[Any]]:
    array: Any = column.array
    is_categorical = isinstance(array, pd.Categorical)
    names = np.append(array.categories.to_numpy(dtype=object), [None]) if is_categorical else None
    for start in range(0, len(array), _PART_ROWS):
        if progress is not None:
            progress.reached(start)
        part = array[start : start + _PART_ROWS]
        if where is not None:
            part = part[where[start : start + _PART_ROWS]]
        # The code of a missing value is -1, which selects the last element of `names`: None.
        objects = names[part.codes] if names is not None else part.to_numpy(dtype=object, na_value=None)
        yield objects.tolist()


def column_of(values: Sequence[Any], dtype: Any, index: pd.Index[Any]) -> pd.Series[Any]:
    """Make a column of texts, categories or integers. None becomes a missing value.

    pyarrow converts the values in a fraction of the time that `pd.Series` takes.
    """
    array: Any
    if dtype == "Int64":
        array = pa.array(values, pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    elif dtype == "category":
        array = pa.array(values, pa.string()).dictionary_encode().to_pandas()
        array = array.cat.reorder_categories(array.cat.categories.sort_values())
    else:
        array = pa.array(values, pa.string()).to_pandas(types_mapper={pa.string(): TEXT}.get)
    column: pd.Series[Any] = array.set_axis(index)
    return column
