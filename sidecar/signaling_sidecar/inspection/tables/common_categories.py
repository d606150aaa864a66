"""Makes categorical columns comparable, by giving them the same categories or categories of the same dtype."""

from __future__ import annotations

from typing import Any

import pandas as pd

from signaling_sidecar.inspection.tables.text_dtype import TEXT


def with_common_categories(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the table with the same categories, in alphabetical order, in all of these columns. pandas refuses to
    compare columns with different categories."""
    values = {value for name in names for value in table[name].cat.categories}
    categories = pd.Index(sorted(values), dtype=table[names[0]].cat.categories.dtype)
    return table.assign(**{name: table[name].cat.set_categories(categories) for name in names})


def with_text_categories(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with categories of the dtype `TEXT` in every categorical column.

    If all values of a column are missing, pandas and pyarrow choose another dtype for its categories. With such
    categories, the column would get the dtype `object` in a `pd.concat` with the table of another log, and in a
    parquet file.
    """
    others: dict[str, pd.Series[Any]] = {
        str(name): column.cat.set_categories(pd.Index(column.cat.categories.tolist(), dtype=TEXT))
        for name, column in table.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
        # A column without categories is always replaced, because it may get the dtype `object` in a parquet file.
        if column.cat.categories.dtype != TEXT or not len(column.cat.categories)
    }
    return table.assign(**others)
