"""Turns times of records into the times of tables."""

from __future__ import annotations

from typing import Any

import pandas as pd


def utc_times(ts: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Turn seconds since the epoch into times, to the nearest microsecond. pandas alone would cut off the rest, so that
    a time would often be a microsecond earlier than that of its record."""
    at_us = (ts.astype("float64") * 1e6).round()
    return pd.to_datetime(at_us, unit="us", utc=True).astype("datetime64[us, UTC]")
