"""Everything a process could say of a ticket, collected while it works: logs, output, traces, metrics, files."""

from __future__ import annotations

import io
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.log import configure
from tests.journey.canaries import Canary, Search

#: Where a canary was seen: (kind, place) → sinks.
Leaks = dict[tuple[str, str], set[str]]


class Telemetry:
    """Spans and metrics of this process, as an operator's exporter would get them. Made once; OpenTelemetry insists."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.metrics = InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(MeterProvider(metric_readers=[self.metrics]))

    def collected(self) -> Iterator[tuple[str, bytes]]:
        """(sink, bytes) of what was exported."""
        yield "traces", "\n".join(span.to_json() for span in self.spans.get_finished_spans()).encode()
        data = self.metrics.get_metrics_data()
        yield "metrics", (data.to_json() if data else "").encode()


@contextmanager
def talkative() -> Iterator[io.StringIO]:
    """Everything that is logged inside, with every logger of every library at DEBUG."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.raiseExceptions, logging.getLogRecordFactory())
    names = [name for name in logging.root.manager.loggerDict if not name.startswith("sqlalchemy")]  # far too many
    levels = {name: logging.getLogger(name).level for name in names}
    configure("debug", stream=stream)
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.DEBUG)
        root.setLevel(logging.DEBUG)
        yield stream
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        logging.raiseExceptions = before[2]
        logging.setLogRecordFactory(before[3])


def files(folder: Path, *, but: frozenset[str] = frozenset()) -> Iterator[tuple[str, bytes]]:
    """(sink, bytes) of every file below a folder, except those whose first part begins with a name in `but`."""
    for path in sorted(folder.rglob("*")):
        first = path.relative_to(folder).parts[0]
        if path.is_file() and not any(first.startswith(name) for name in but):
            yield first, path.read_bytes()


def leaks(search: Search, sinks: Iterable[tuple[str, bytes]]) -> Leaks:
    """Which kinds from which places stand in which sinks."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for sink, data in sinks:
        for canary in search.find(data):
            found[canary.kind, canary.place].add(sink)
    return dict(found)


def table(found: Leaks, planted: Iterable[Canary]) -> str:
    """Failures as a person reads them: kind, place, sinks."""
    rows = [f"{kind:16} {place:24} {', '.join(sorted(sinks))}" for (kind, place), sinks in sorted(found.items())]
    cells = {(canary.kind, canary.place) for canary in planted}
    return "\n".join([f"{len(rows)} of {len(cells)} kinds and places leak:", *rows])
