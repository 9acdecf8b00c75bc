"""Commands, their deliveries and their results, as values."""

import enum
from typing import NamedTuple

import attrs

from pushserver.model.actor import NOBODY, Actor
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.operation import Operation
from pushserver.model.order import Order, require_body
from pushserver.model.parsed_result import LocatedResult, ParsedResult, ParsedSpans
from pushserver.model.shadow import Service
from pushserver.model.state import (
    FINISHED,
    IN_FLIGHT,
    CommandEvent,
    CommandState,
)
from pushserver.model.trace import trace_id_of


@attrs.define(kw_only=True, eq=False)
class Command:
    """
    One order for one device. Instants and durations are microseconds.

    Only `apply_event` changes `state`. `stored_state` is the state last stored,
    None before the first time: the guard of the next write. `order` is None if it was
    not read from the store. `step` counts from 0; `operation` is set while that follows
    the command, `resource` is the name of the step there. `transition_count`
    counts its transitions, including its creation. `service_id` is the service of the
    device that it writes or reads; `service` is set while that follows it. While
    it is `held`, it is not handed out. `withdrawn`: it was taken back after it had been
    handed out, and is not handed out again. `replaced_by` is the
    command that took its place. Known while it is being made: `superseded` are those
    whose place it took, and until `blocked_until` an earlier one that was not answered
    holds back its endpoint. `canceled_by` took it back.
    `request_id`, `traceparent` and `tracestate` are of the request that enqueued it.
    """

    id: int
    scope_id: int
    device_id: int
    endpoint: str
    priority: int
    guarantee: DeliveryGuarantee
    max_attempts: int
    response_timeout: int
    slow: bool
    created_at: int
    not_before: int | None
    expires_at: int
    state: CommandState = CommandState.PENDING
    attempts: int = 0
    sent_at: int | None = None
    delivered_at: int | None = None
    finished_at: int | None = None
    operation_id: int | None = None
    step: int | None = None
    resource: str | None = None
    transition_count: int = 1
    result_id: int | None = None
    service_id: str | None = None
    held: bool = False
    withdrawn: bool = False
    supersede_key: str | None = None
    replaced_by: int | None = None
    created_by: Actor = NOBODY
    canceled_by: Actor = NOBODY
    request_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    stored_state: CommandState | None = None
    order: Order | None = None
    operation: Operation | None = None
    service: Service | None = None
    superseded: tuple[int, ...] = ()
    blocked_until: int = 0

    @property
    def is_finished(self) -> bool:
        """Tell whether it has ended."""
        return self.state in FINISHED

    @property
    def is_in_flight(self) -> bool:
        """Tell whether it is handed out and not answered or given up."""
        return self.state in IN_FLIGHT

    @property
    def is_unwanted(self) -> bool:
        """Tell whether it, or the operation of which it is a step, was taken back."""
        is_operation_canceled = self.operation is not None and self.operation.canceled
        return self.withdrawn or is_operation_canceled

    @property
    def scheduled_at(self) -> int:
        """The future instant for which it was scheduled when created, else 0."""
        planned = self.not_before is not None and self.not_before > self.created_at
        return self.not_before or 0 if planned else 0

    @property
    def trace_id(self) -> str | None:
        """The trace of the request that enqueued it."""
        return None if self.traceparent is None else trace_id_of(self.traceparent)

    @property
    def queue_key(self) -> tuple[int, int]:
        """The sort key in the queue: by priority, then by age."""
        return (-self.priority, self.id)


class DeliveryOutcome(enum.StrEnum):
    """The outcome of one delivery."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    UNREADABLE = "unreadable"  # an answer that says nothing; a late one may still come
    NO_ANSWER = "noAnswer"  # given up; a late result may still come
    NOT_WRITTEN = "notWritten"  # the device was gone before a byte was written
    CLOSED = "closed"  # an earlier delivery's result ended the command


@attrs.define(kw_only=True, eq=False)
class Delivery:
    """
    One hand-out of a command to its device.

    Results are matched by `device_id`, `endpoint` and `uuid`. Until `busy_until` its
    answer or a result is on the way, as far as a server vouches for it: what runs
    against it runs from then.
    """

    id: int
    command_id: int
    device_id: int
    uuid: str | None
    address: str | None
    sent_at: int
    delivered_at: int | None = None
    ended_at: int | None = None
    outcome: DeliveryOutcome | None = None
    busy_until: int | None = None
    stored: bool = False


class MatchedBy(enum.StrEnum):
    """How a result was matched to its delivery."""

    UUID = "uuid"
    IN_FLIGHT = "inFlight"
    LAST_GIVEN_UP = "lastGivenUp"


@attrs.frozen(kw_only=True)
class Result:
    """
    What a device posted, unchanged. `command_id` is None for an orphan.

    `complete` is False when the connection broke or stalled before the body's end.
    `rejection` is why the server refused it: its command has failed. Its scope is that
    of its command; an orphan's is that of the device. `endpoint` is what the device
    named, `command_endpoint` that of its command. `parsed` and `mended` are what it
    says, read once, when it came; `parsed` is None until a result of an earlier release
    has been read. Once its body was deleted, at `body_deleted_at`, it says no more than
    whether it was `refused` or `unreadable`. `trace_id` is that of its command, if that
    was known when it came.
    """

    id: int
    scope_id: int
    device_id: int
    command_id: int | None
    delivery_id: int | None
    matched_by: MatchedBy | None
    uuid: str | None
    endpoint: str | None
    received_at: int
    content_type: str | None
    content_encoding: str | None
    complete: bool
    body: bytes
    command_endpoint: str | None = None
    rejection: str | None = None
    parsed: ParsedSpans | None = None
    mended: bytes | None = None
    body_deleted_at: int | None = None
    trace_id: str | None = None

    @property
    def parsed_result(self) -> ParsedResult | None:
        """What it says, as it was read when it came."""
        if self.parsed is None:
            return None
        return LocatedResult(self.parsed, self.mended or b"").read(self.body)

    def require_body(self) -> None:
        """
        Require that its body is still there.

        Raises:
            BodyDeleted: it was deleted.
        """
        require_body(self.body_deleted_at)

    @property
    def judged_endpoint(self) -> str | None:
        """The endpoint whose rules say what it means; an orphan names its own."""
        return self.endpoint if self.command_id is None else self.command_endpoint


class Transition(NamedTuple):
    """One state change of a command."""

    command: Command
    command_event: CommandEvent
    at: int
