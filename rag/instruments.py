"""Count what the service does, in the form that Prometheus reads."""

import logging
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from rag.errors import RemoteError
from rag.records import StageTime

_log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds: from a sort of 30 pairs to a long queue.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# What is true at the moment of asking: name, help, label names, and each value by its labels.
Gauge = tuple[str, str, Sequence[str], Callable[[], Iterable[tuple[Sequence[str], float]]]]


class Instruments:
    """The counters of one service, in a registry of their own. Safe between threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._stages = Histogram(
            "reranklens_stage_seconds",
            "Time of one stage of one question or rerank request.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._pairs = Counter(
            "reranklens_pairs",
            "Pairs scored: by the model, or known from the score cache.",
            ["source"],
            registry=self._registry,
        )
        self._failures = Counter(
            "reranklens_remote_failures",
            "Requests that the remote reranker failed, by what went wrong.",
            ["kind"],
            registry=self._registry,
        )
        self._requests = Counter(
            "reranklens_requests",
            "HTTP requests answered.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "reranklens_request_seconds",
            "Time from a request's arrival to its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def observe_stages(self, stages: Sequence[StageTime]) -> None:
        """Count the stages of one answer, those of one name as one, and the pairs that were scored in it."""
        seconds: dict[str, float] = {}
        for stage in stages:
            seconds[stage.stage] = seconds.get(stage.stage, 0.0) + stage.seconds
        for name, spent in seconds.items():
            self._stages.labels(name).observe(spent)
        for stage in stages:
            if stage.stage == "score":
                self._pairs.labels("model").inc(stage.items - stage.cached)
                self._pairs.labels("cache").inc(stage.cached)

    def observe_failure(self, failure: RemoteError) -> None:
        """Count one failure of the remote reranker, and let the log say it."""
        self._failures.labels(failure.kind).inc()
        _log.warning("%s", failure)

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is its pattern, so that no id becomes a label."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def show(self, *gauges: Gauge) -> None:
        """Show `gauges` from now on, each read when somebody asks."""
        self._registry.register(_Gauges(gauges))

    def text(self) -> bytes:
        """Return every figure in Prometheus's text format."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    def __init__(self, gauges: Sequence[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, help_text, labels, read in self._gauges:
            family = GaugeMetricFamily(name, help_text, labels=labels)
            for values, number in read():
                family.add_metric(values, number)
            yield family
