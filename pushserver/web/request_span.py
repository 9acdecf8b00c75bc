"""The span of a program's request, for whoever collects them."""

from pushserver.clock import wall_nanoseconds
from pushserver.metrics.spans import Span, SpanKind
from pushserver.web.request_identity import RequestIdentity

_MIN_SERVER_ERROR = 500


def request_span(
    method: str,
    route: str,
    status: int,
    seconds: float,
    identity: RequestIdentity,
) -> Span:
    """Return the span of a request that took so long, and has just been answered."""
    now = wall_nanoseconds() // 1000
    return Span(
        name=f"{method} {route}",
        trace=identity.trace,
        parent=identity.parent,
        kind=SpanKind.SERVER,
        started_at=now - int(seconds * 1_000_000),
        ended_at=now,
        attributes={
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "pushserver.request_id": identity.request_id,
        },
        error=str(status) if status >= _MIN_SERVER_ERROR else None,
    )
