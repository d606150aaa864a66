"""Converts the times in records to the times in tables."""

from __future__ import annotations

from typing import Any

import pandas as pd


def utc_times(ts: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Convert seconds since the epoch to times, rounded to a microsecond. pandas alone would truncate them, so that a
    time would often be a microsecond earlier than that of its record."""
    at_us = (ts.astype("float64") * 1e6).round()
    return pd.to_datetime(at_us, unit="us", utc=True).astype("datetime64[us, UTC]")
