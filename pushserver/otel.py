"""Exports spans with OpenTelemetry, where it is installed and told where to send them.

It is told by the variables that all of its programs have, and then reads them itself.
Nothing of it is loaded otherwise.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog

from pushserver import __version__
from pushserver.metrics.spans import Span
from pushserver.model.trace import Trace

log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
#: Seconds that a stop waits for what was not exported yet.
_SHUTDOWN_TIMEOUT = 2.0


@contextmanager
def exporting_spans(
    environ: Mapping[str, str],
) -> Iterator[Callable[[Span], None] | None]:
    """Yield what exports a span during the block; None if nobody wants any."""
    is_disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or not any(map(environ.get, _ENDPOINTS)):
        yield None
        return
    try:
        exporter = _Exporter()
    except ImportError:
        log.warning("otel.not_installed", install="pip install 'pushserver[otel]'")
        yield None
        return
    try:
        yield exporter.export
    finally:
        exporter.close()


class _Exporter:
    """Hands spans to OpenTelemetry's queue, which a thread of its own empties."""

    def __init__(self) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.exporter.otlp.proto.http import (  # noqa: PLC0415
            trace_exporter,
        )
        from opentelemetry.sdk import resources  # noqa: PLC0415
        from opentelemetry.sdk import trace as sdk  # noqa: PLC0415
        from opentelemetry.sdk.trace import export  # noqa: PLC0415
        from opentelemetry.sdk.util import instrumentation  # noqa: PLC0415

        self._api = trace
        ours = {"service.name": "pushserver", "service.version": __version__}
        named = resources.OTELResourceDetector().detect()
        resource = resources.Resource.create(ours).merge(named)
        scope = instrumentation.InstrumentationScope("pushserver", __version__)
        self._make: Callable[..., Any] = partial(
            sdk.ReadableSpan, resource=resource, instrumentation_scope=scope
        )
        self._queue = export.BatchSpanProcessor(trace_exporter.OTLPSpanExporter())

    def export(self, span: Span) -> None:
        """Queue a span, unless its trace is not sampled; drop it if too many wait."""
        codes, error = self._api.StatusCode, span.error
        status = self._api.Status(codes.ERROR if error else codes.UNSET, error)
        parent = span.parent
        made = self._make(
            span.name,
            context=self._context(span.trace, is_remote=False),
            parent=None if parent is None else self._context(parent, is_remote=True),
            kind=self._api.SpanKind[span.kind.value],
            attributes=dict(span.attributes),
            status=status,
            start_time=span.started_at * 1000,
            end_time=span.ended_at * 1000,
        )
        self._queue.on_end(made)

    def _context(self, trace: Trace, *, is_remote: bool) -> Any:
        return self._api.SpanContext(
            int(trace.trace_id, 16),
            int(trace.span_id, 16),
            is_remote,
            self._api.TraceFlags(trace.flags),
            self._api.TraceState.from_header([trace.state or ""]),
        )

    def close(self) -> None:
        """Export what waits; a collector that is away keeps nobody waiting for long."""
        closing = threading.Thread(target=self._queue.shutdown, daemon=True)
        closing.start()
        closing.join(_SHUTDOWN_TIMEOUT)
