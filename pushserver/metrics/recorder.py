"""What this process counts, where it happens: a number grows, and nobody waits."""

from collections import Counter
from collections.abc import Callable

import attrs

from pushserver.clock import SECOND
from pushserver.metrics.histogram import SIZE_BOUNDS, Histogram
from pushserver.metrics.spans import Spans, command_spans
from pushserver.model.changes import Changes
from pushserver.model.state import CommandEvent
from pushserver.model.subscription import WebhookAttempt

_ANSWERED = (CommandEvent.SUCCEED, CommandEvent.FAIL)


@attrs.define(eq=False)
class CommitMetrics:
    """
    What a store's commits took, and what became of commands by them.

    `events` counts what happened to commands, by `CommandEvent`; `to_result` is the
    time from a device's having a command to its result. Commands that ended are `spans`
    of their traces.
    """

    seconds: Histogram = attrs.Factory(Histogram)
    rows: Histogram = attrs.field(factory=lambda: Histogram(SIZE_BOUNDS))
    failed: int = 0
    created: int = 0
    redelivered: int = 0
    orphans: int = 0
    events: Counter[CommandEvent] = attrs.Factory(Counter)
    to_result: Histogram = attrs.Factory(Histogram)
    spans: Spans = attrs.Factory(Spans)

    def record_write(self, seconds: float, rows: int) -> None:
        """Count one transaction, which took so long for so many rows."""
        self.seconds.observe(seconds)
        self.rows.observe(rows)

    def record_changes(self, changes: Changes) -> None:
        """Count what a commit did to commands."""
        self.created += len(changes.new_commands)
        self.orphans += sum(each.command_id is None for each in changes.results)
        for command, event, at in changes.transitions:
            self.events[event] += 1
            if event is CommandEvent.HAND_OUT:
                self.redelivered += command.attempts > 1
            elif event in _ANSWERED and command.delivered_at is not None:
                self.to_result.observe((at - command.delivered_at) / SECOND)
        if self.spans.collect is not None:
            ended = {each.command.id: each.command for each in changes.transitions}
            for command in ended.values():
                for span in command_spans(command):
                    self.spans.collect(span)


@attrs.define(eq=False)
class WebhookMetrics:
    """What came of webhooks that were sent, and how long their receivers took."""

    spans: Spans = attrs.Factory(Spans)
    outcomes: Counter[str] = attrs.Factory(Counter)
    seconds: Histogram = attrs.Factory(Histogram)

    def record(self, attempt: WebhookAttempt, *, ok: bool) -> None:
        """Count one attempt: answered with a success, with an error, or not at all."""
        failure = "no_answer" if attempt.status is None else "refused"
        self.outcomes["delivered" if ok else failure] += 1
        self.seconds.observe(attempt.duration / SECOND)


class Responses(Counter[int]):
    """How many answers of a route had which status; where spans of requests go."""

    def __init__(self, route: str, spans: Spans) -> None:
        super().__init__()
        self.route, self.spans = route, spans


@attrs.define(eq=False)
class LogLines:
    """What the log's own thread has before it: lines that wait, and what it dropped."""

    waiting: Callable[[], int] = int
    dropped: int = 0


@attrs.define(eq=False, kw_only=True)
class Metrics:
    """
    Everything that this process counts.

    `counts` are plain events by their names, as `GET /api/v1/server` shows them.
    `to_device` is the time from when a command may be given out until its last byte was
    written; `loop_lag` how late the event loop is. `responses` has, by method and
    route, how many answers had which status. `worker_failures` are the rounds of
    background work in a row that failed, by worker.
    """

    commits: CommitMetrics
    counts: Counter[str] = attrs.Factory(Counter)
    to_device: Histogram = attrs.Factory(Histogram)
    loop_lag: Histogram = attrs.Factory(Histogram)
    webhooks: WebhookMetrics = attrs.field()
    log_lines: LogLines = attrs.Factory(LogLines)
    worker_failures: Counter[str] = attrs.Factory(Counter)
    responses: dict[tuple[str, str], Responses] = attrs.Factory(dict)

    @webhooks.default
    def _with_same_spans(self) -> WebhookMetrics:
        return WebhookMetrics(self.spans)

    @property
    def spans(self) -> Spans:
        """Where the spans of commands, requests and webhooks go."""
        return self.commits.spans

    def responses_of(self, method: str, route: str) -> Responses:
        """Return where to count the answers of a route, by their status."""
        key = (method, route)
        if key not in self.responses:
            self.responses[key] = Responses(route, self.spans)
        return self.responses[key]
