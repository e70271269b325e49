"""What a model server counts, for Prometheus. Labels are fixed words: no prompt and no answer is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from serving.engine import EngineStats

__all__ = ["CONTENT_TYPE_LATEST", "ServingMetrics"]

#: Seconds; from a cached prefix to a long prompt behind a queue.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
ENDPOINTS = ("chat", "decisions", "embeddings")
#: How a request may end: answered, refused as wrong, sent away, too late, withheld, broken, or its client went away.
OUTCOMES = ("ok", "refused", "queue_full", "deadline_exceeded", "constraint_failed", "failed", "cancelled")


class ServingMetrics:
    """One server's metrics, in a registry of their own so that two servers in one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "casemate_serving_requests",
            "Requests by endpoint and how they ended.",
            ["endpoint", "outcome"],
            registry=self._registry,
        )
        for endpoint in ENDPOINTS:
            for outcome in OUTCOMES:  # shown as 0 before the first, so that a rise from nothing is seen
                self.requests.labels(endpoint, outcome)
        self.closed_early = Counter(
            "casemate_serving_closed_early",
            "Answers that the constraint ended so that they are whole within their budget of tokens.",
            registry=self._registry,
        )
        self.constraint_failures = Counter(
            "casemate_serving_constraint_failures",
            "Answers that were withheld because they did not have the shape that was asked for.",
            registry=self._registry,
        )
        self.queue = self._histogram("queue", "Seconds a request waited for a slot.")
        self.first_token = self._histogram("first_token", "Seconds from the arrival of a request to its first token.")
        self.duration = self._histogram("request", "Seconds from the arrival of a request to the end of its answer.")

    def follow(self, read: Callable[[], tuple[int, int, EngineStats | None]]) -> None:
        """Ask `read` at every scrape for the requests that wait and run, and for the numbers of the engine."""
        self._registry.register(_Now(read))

    def render(self) -> bytes:
        """The text that a scrape gets."""
        return generate_latest(self._registry)

    def _histogram(self, name: str, told: str) -> Histogram:
        return Histogram(f"casemate_serving_{name}_seconds", told, buckets=_SECONDS, registry=self._registry)


class _Now(Collector):
    """What others count, read when it is asked for."""

    def __init__(self, read: Callable[[], tuple[int, int, EngineStats | None]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        waiting, running, stats = self._read()
        yield _gauge("waiting", "Requests that wait for a slot.", waiting)
        yield _gauge("running", "Requests that hold a slot.", running)
        yield _gauge("ready", "1 when the model answers, 0 while it is loaded and after it gave up.", stats is not None)
        if stats is None:
            return
        yield _gauge("cache_tokens_used", "Tokens of the cache that running requests hold.", stats.cache_used)
        yield _gauge("cache_tokens", "Tokens that the cache holds.", stats.cache_total)
        yield _counter("prompt_tokens", "Tokens of prompts.", stats.prompt_tokens)
        yield _counter(
            "shared_tokens",
            "Tokens of prompts that were found in the cache and not computed again.",
            stats.shared_tokens,
        )
        yield _counter("generated_tokens", "Tokens generated.", stats.generated_tokens)
        yield _counter("restarts", "How often the batch broke and was built again.", stats.restarts)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"casemate_serving_{name}", told, value=value)


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"casemate_serving_{name}", told, value=value)
