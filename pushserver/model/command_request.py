"""A program's validated requests, and the commands made of them."""

from collections.abc import Sequence

import attrs

from pushserver.clock import SECOND
from pushserver.model.command import Command
from pushserver.model.guarantee import DeliveryGuarantee, EndpointDefaults
from pushserver.model.merge_patch import MergePatch
from pushserver.model.operation import OnFailure, OperationDescriptor
from pushserver.model.order import Order
from pushserver.model.upgrade import Upgrade

#: The maximum number of attempts, unless the request says otherwise.
DEFAULT_MAX_ATTEMPTS = 5


@attrs.frozen(kw_only=True)
class CommandRequest:
    """
    The request for a command. Durations and instants are microseconds.

    None means the default of its endpoint or of the server's settings.
    `service_id` is the service of the device that it writes or reads. It takes the
    place of waiting commands with the same `supersede_key`.
    """

    order: Order
    priority: int = 0
    guarantee: DeliveryGuarantee | None = None
    max_attempts: int | None = None
    response_timeout: int | None = None
    expires_in: int | None = None
    not_before: int | None = None
    resource: str | None = None
    service_id: str | None = None
    supersede_key: str | None = None


@attrs.frozen(kw_only=True)
class Step:
    """The request for one step; `owner_id` is its operation or its task."""

    owner_id: int
    number: int
    request: CommandRequest


@attrs.frozen(kw_only=True)
class OperationRequest:
    """
    The request for an operation: its steps in order, and its description.

    With an `upgrade`, they are its steps. With `desired`, they write these properties,
    which are desired of the device from then on.
    """

    step_requests: Sequence[CommandRequest]
    label: OperationDescriptor
    on_failure: OnFailure = OnFailure.STOP
    upgrade: Upgrade | None = None
    desired: MergePatch | None = None


@attrs.frozen
class StepRef:
    """Where a command belongs: which step of which operation."""

    operation_id: int
    step: int


def make_command(
    request: CommandRequest,
    *,
    command_id: int,
    scope_id: int,
    device_id: int,
    now: int,
    defaults: EndpointDefaults,
    response_timeout: int,
    step_ref: StepRef | None = None,
) -> Command:
    """
    Make the command of a request.

    *defaults* are its endpoint's; *response_timeout* is the server's default, in
    microseconds.
    """
    order = request.order
    expires_in = request.expires_in or defaults.expires_in * SECOND
    return Command(
        id=command_id,
        scope_id=scope_id,
        device_id=device_id,
        endpoint=order.endpoint,
        priority=request.priority,
        guarantee=request.guarantee or defaults.guarantee,
        max_attempts=request.max_attempts or DEFAULT_MAX_ATTEMPTS,
        response_timeout=request.response_timeout or response_timeout,
        slow=defaults.slow,
        created_at=now,
        not_before=request.not_before,
        expires_at=max(now, request.not_before or 0) + expires_in,
        operation_id=None if step_ref is None else step_ref.operation_id,
        step=None if step_ref is None else step_ref.step,
        resource=None if step_ref is None else request.resource,
        service_id=request.service_id,
        supersede_key=request.supersede_key,
        order=order,
    )


def retry_request(command: Command, order: Order) -> CommandRequest:
    """Return the request for a copy of *command* that starts now."""
    starts_at = max(command.created_at, command.not_before or 0)
    return CommandRequest(
        order=order,
        priority=command.priority,
        guarantee=command.guarantee,
        max_attempts=command.max_attempts,
        response_timeout=command.response_timeout,
        expires_in=command.expires_at - starts_at,
        supersede_key=command.supersede_key,
    )
