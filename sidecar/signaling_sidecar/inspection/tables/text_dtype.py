"""The dtype of every column of text: `str` of pandas 3, which is stored by pyarrow, and in which a missing text is NaN.

pandas 2.2, which Colab has, uses another name for this dtype. In pandas 2.2, the dtype `str` would turn a missing text
into "nan".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow  # noqa: F401 - a missing pyarrow must raise our error instead of the one from pandas


def _text() -> Any:  # the type stubs of pandas know only one of the names
    try:
        return pd.StringDtype(na_value=np.nan)
    except TypeError:
        return pd.StringDtype("pyarrow_numpy")


TEXT = _text()
