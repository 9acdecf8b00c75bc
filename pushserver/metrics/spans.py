"""Spans: what was done within a trace and how long it took, for who collects them."""

import enum
from collections.abc import Callable, Mapping

import attrs

from pushserver.clock import wall_time
from pushserver.model.command import Command
from pushserver.model.state import FINISHED, CommandState
from pushserver.model.trace import Trace


class SpanKind(enum.StrEnum):
    """Who was called: this server, by others; others, by it; or nobody."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    INTERNAL = "INTERNAL"


@attrs.frozen(kw_only=True)
class Span:
    """
    A piece of work that is over; `trace` has its own id, `parent` caused it.

    Instants are microseconds UTC by the wall clock. `error` is what went wrong.
    """

    name: str
    trace: Trace
    parent: Trace | None
    kind: SpanKind = SpanKind.INTERNAL
    started_at: int
    ended_at: int
    attributes: Mapping[str, str | int]
    error: str | None = None


@attrs.define(eq=False)
class Spans:
    """Where spans go; as long as `collect` is None, nobody makes any."""

    collect: Callable[[Span], None] | None = None


def command_spans(command: Command) -> list[Span]:
    """
    Return the spans of a command that has just ended; none if it is in no trace.

    Its own lasts from its enqueue to its end. Within it are the way to the device, the
    last time, and what the device took to answer.
    """
    if command.traceparent is None or command.state not in FINISHED:
        return []
    parent = Trace(command.traceparent, command.tracestate)
    own = parent.child()
    finished_at = command.finished_at or command.created_at
    spans = [_span(command, "command", own, parent, command.created_at, finished_at)]
    if command.delivered_at is not None:
        ready_at = max(command.created_at, command.not_before or 0)
        ways = (
            ("deliver", ready_at, command.delivered_at),
            ("result", command.delivered_at, finished_at),
        )
        spans += [_span(command, way, own.child(), own, *at) for way, *at in ways]
    return spans


def _span(
    command: Command, what: str, trace: Trace, parent: Trace, start: int, end: int
) -> Span:
    is_failure = command.state is not CommandState.SUCCESSFUL and what != "deliver"
    return Span(
        name=f"{what} {command.endpoint}",
        trace=trace,
        parent=parent,
        started_at=wall_time(start),
        ended_at=wall_time(max(start, end)),
        attributes={
            "pushserver.command_id": str(command.id),
            "pushserver.device_id": str(command.device_id),
            "pushserver.state": command.state.value,
            "pushserver.attempts": command.attempts,
        },
        error=command.state.value if is_failure else None,
    )
