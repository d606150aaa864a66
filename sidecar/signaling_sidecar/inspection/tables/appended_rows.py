"""Adds rows to a table."""

from __future__ import annotations

from typing import Any

import pandas as pd


def with_rows(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Append rows to a table, which keeps its columns and their dtypes. If a categorical column gets new values, they
    are added to the categories of its dtype."""
    if not len(rows):
        return table
    rows = rows.reindex(columns=table.columns)
    columns = {}
    for name, old in table.items():
        dtype: Any = old.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            said = pd.Index(rows[name].dropna().unique(), dtype=dtype.categories.dtype)
            dtype = pd.CategoricalDtype(dtype.categories.union(said, sort=False))
        columns[name] = pd.concat([old.astype(dtype), rows[name].astype(dtype)])
    return pd.DataFrame(columns)
