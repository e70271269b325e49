"""What a model server counts, for Prometheus. Labels are fixed words: no prompt and no answer is in them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["CONTENT_TYPE_LATEST", "ServingMetrics"]

#: Seconds; from a cached prefix to a long prompt behind a queue.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


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
        self.tokens_in = Counter("casemate_serving_prompt_tokens", "Tokens of prompts.", registry=self._registry)
        self.tokens_shared = Counter(
            "casemate_serving_shared_tokens",
            "Tokens of prompts that were found in the cache and not computed again.",
            registry=self._registry,
        )
        self.tokens_out = Counter("casemate_serving_generated_tokens", "Tokens generated.", registry=self._registry)
        self.waiting = Gauge("casemate_serving_waiting", "Requests that wait for a slot.", registry=self._registry)
        self.running = Gauge("casemate_serving_running", "Requests that hold a slot.", registry=self._registry)
        self.first_token = Histogram(
            "casemate_serving_first_token_seconds",
            "Seconds from the arrival of a request to its first token.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.duration = Histogram(
            "casemate_serving_request_seconds",
            "Seconds from the arrival of a request to the end of its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )

    def render(self) -> bytes:
        """The text that a scrape gets."""
        return generate_latest(self._registry)
