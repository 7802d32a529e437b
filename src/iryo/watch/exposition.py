"""The text that Prometheus reads."""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from iryo.watch.board import Reading
from iryo.watch.table import METRICS, Kind

__all__ = ["CONTENT_TYPE", "render"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def render(reading: Reading) -> bytes:
    """A reading in the text format 0.0.4, metric by metric in the order of the table."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(reading))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are unique since the table is."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The families that have a series."""
        by_name: dict[str, list[tuple[tuple[str, ...], list[float]]]] = {}
        for (name, labels), numbers in sorted(self._reading.numbers.items()):
            by_name.setdefault(name, []).append((labels, numbers))
        for metric in METRICS.values():
            series = by_name.get(metric.name, ())
            if metric.kind is Kind.HISTOGRAM:
                histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
                bounds = [*map(floatToGoString, metric.bounds), "+Inf"]
                for labels, (*buckets, total) in series:
                    counts = accumulate(buckets)
                    histogram.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
                yield histogram
            else:
                make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
                family = make(metric.name, metric.help, labels=metric.labels)
                for labels, (value,) in series:
                    family.add_metric(labels, value)
                yield family
