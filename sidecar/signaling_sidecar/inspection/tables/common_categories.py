"""Gives columns of ids the same categories."""

from __future__ import annotations

import pandas as pd


def with_common_categories(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the table with the same categories, in alphabetical order, in all of these columns. pandas refuses to
    compare columns with different ones."""
    values = {value for name in names for value in table[name].cat.categories}
    categories = pd.Index(sorted(values), dtype=table[names[0]].cat.categories.dtype)
    return table.assign(**{name: table[name].cat.set_categories(categories) for name in names})
