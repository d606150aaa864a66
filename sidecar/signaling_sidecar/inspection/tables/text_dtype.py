"""The dtype of every column of text, which pandas 3 calls `str`: with pyarrow, a missing text is NaN.

pandas 2.2, which Colab has, knows it under another name, and by `str` means what makes a missing text the word "nan".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow  # noqa: F401 - without it pandas' own error would come first


def _text() -> Any:  # the stubs of pandas know of one name only
    try:
        return pd.StringDtype(na_value=np.nan)
    except TypeError:
        return pd.StringDtype("pyarrow_numpy")


TEXT = _text()
