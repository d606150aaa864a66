"""Gives columns of categories the same categories, and the same type of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from signaling_sidecar.inspection.tables.text_dtype import TEXT


def with_common_categories(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the table with the same categories, in alphabetical order, in all of these columns. pandas refuses to
    compare columns with different ones."""
    values = {value for name in names for value in table[name].cat.categories}
    categories = pd.Index(sorted(values), dtype=table[names[0]].cat.categories.dtype)
    return table.assign(**{name: table[name].cat.set_categories(categories) for name in names})


def with_text_categories(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with texts as the categories of every column that has categories.

    pandas and pyarrow choose another type if all values are missing. Then `pd.concat` with another log would turn the
    column into one of objects, and so would a copy as parquet.
    """
    others: dict[str, pd.Series[Any]] = {
        str(name): column.cat.set_categories(pd.Index(column.cat.categories.tolist(), dtype=TEXT))
        for name, column in table.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
        # Some empty columns that pandas has made are read as objects from a parquet file. New ones are not.
        if column.cat.categories.dtype != TEXT or not len(column.cat.categories)
    }
    return table.assign(**others)
