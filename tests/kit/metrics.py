"""Reads the metrics of a sidecar from `/metrics`, and the names of metrics from OPERATORS.md."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from tests.kit.readme import OPERATORS
from tests.kit.serving import Served

Samples = dict[tuple[str, tuple[str, ...]], float]
"""Maps each metric to its value. A key contains the name of the metric, and the values of its labels, sorted by the
names of the labels."""


def samples_of(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(each.name, tuple(value for _, value in sorted(each.labels.items()))): each.value for each in samples}


async def scrape(served: Served) -> Samples:
    return samples_of(await _text(served))


async def metrics_of(served: Served) -> set[str]:
    """The names of all metrics of this sidecar."""
    families = text_string_to_metric_families(await _text(served))
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


def named_metrics() -> set[str]:
    """The names of metrics that OPERATORS.md mentions."""
    return set(re.findall(r"`((?:signaling|process)_\w+)`", OPERATORS.read_text()))


async def _text(served: Served) -> str:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get("/metrics", headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()
