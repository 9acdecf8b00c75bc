"""Spans reach an OpenTelemetry collector, if there is one; else nothing is loaded."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from structlog.testing import capture_logs

from pushserver.metrics.spans import Span, SpanKind
from pushserver.model.trace import Trace
from pushserver.otel import exporting_spans

PARENT = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "rojo=1")
STARTED = 1_767_225_600_000_000


def span(trace: Trace, **fields: Any) -> Span:
    """Return a span that a program's request caused."""
    usual: dict[str, Any] = {
        "name": "POST /x",
        "parent": PARENT,
        "kind": SpanKind.SERVER,
        "started_at": STARTED,
        "ended_at": STARTED + 1500,
        "attributes": {"http.response.status_code": 201, "who": "Ana"},
    }
    return Span(trace=trace, **{**usual, **fields})


def test_nobody_wants_any() -> None:
    """Without an endpoint nobody is given spans, and OpenTelemetry is not loaded."""
    code = (
        "import sys; from pushserver.otel import exporting_spans\n"
        "with exporting_spans({}) as collect: assert collect is None\n"
        "import pushserver.app\n"
        "assert not [name for name in sys.modules if 'opentelemetry' in name]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_switched_off(environ: dict[str, str]) -> None:
    """Nor is it with an empty endpoint, or when OpenTelemetry is switched off."""
    with capture_logs() as logs, exporting_spans(environ) as collect:
        assert collect is None

    assert [] == logs


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed, the log says what to do, and the server runs."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with capture_logs() as logs, exporting_spans(environ) as collect:
        assert collect is None

    (line,) = logs
    assert ("otel.not_installed", "warning") == (line["event"], line["log_level"])
    assert "pushserver[otel]" in line["install"]


@contextmanager
def running_collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Run what takes spans, for the block; yield its URL, and what it was sent."""
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


@pytest.mark.proof
def test_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector gets each sampled span as it was, before the server has ended."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    own, unsampled = PARENT.child(), Trace(f"{PARENT.traceparent[:-2]}00")
    with running_collector() as (url, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "site=north")
        with exporting_spans({"OTEL_EXPORTER_OTLP_ENDPOINT": url}) as collect:
            assert collect is not None
            collect(span(own))
            collect(span(unsampled))
            collect(span(own.child(), parent=None, error="TIMEOUT"))

    ((path, body),) = received
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    named = {each.key: each.value.string_value for each in sent.resource.attributes}
    first, second = sent.scope_spans[0].spans
    assert "/v1/traces" == path
    assert ("pushserver", "north") == (named["service.name"], named["site"])
    assert (own.trace_id, own.span_id) == (first.trace_id.hex(), first.span_id.hex())
    assert (PARENT.span_id, "rojo=1") == (first.parent_span_id.hex(), first.trace_state)
    assert (STARTED * 1000, (STARTED + 1500) * 1000) == (
        first.start_time_unix_nano,
        first.end_time_unix_nano,
    )
    assert ("POST /x", 0) == (first.name, first.status.code)
    assert ("TIMEOUT", 2, b"") == (
        second.status.message,
        second.status.code,
        second.parent_span_id,
    )
