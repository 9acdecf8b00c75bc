"""What a program asks for, checked, and the command that becomes of it."""

from collections.abc import Sequence

import attrs

from pushserver.clock import SECOND
from pushserver.model.catalogue import Delivery, endpoint_named, is_slow
from pushserver.model.command import Command, Order
from pushserver.model.merging import Merge
from pushserver.model.operation import Label, OnFailure
from pushserver.model.upgrade import Upgrade

#: How often a command is handed out at the most, unless it says otherwise.
MAX_ATTEMPTS = 5


@attrs.frozen(kw_only=True)
class Draft:
    """
    A command to be. Durations and instants are microseconds.

    None means: as the catalogue, or the server's settings, have it. `service_id` is the
    service of the device that it writes or reads.
    """

    order: Order
    priority: int = 0
    delivery: Delivery | None = None
    max_attempts: int | None = None
    response_timeout: int | None = None
    expires_in: int | None = None
    not_before: int | None = None
    resource: str | None = None
    service_id: str | None = None


@attrs.frozen(kw_only=True)
class Step:
    """The command to be of one step; `owner_id` is its operation, or its task."""

    owner_id: int
    number: int
    draft: Draft


@attrs.frozen(kw_only=True)
class Plan:
    """
    An operation to be: its steps in order, and how it is called.

    With an `upgrade` they are the steps of that. They write what is `desired` of the
    device from then on, if that is given.
    """

    drafts: Sequence[Draft]
    label: Label
    on_failure: OnFailure = OnFailure.STOP
    upgrade: Upgrade | None = None
    desired: Merge | None = None


@attrs.frozen
class Place:
    """Where a command belongs: which step of which operation."""

    operation_id: int
    step: int


def make_command(
    draft: Draft,
    *,
    command_id: int,
    scope_id: int,
    device_id: int,
    now: int,
    response_timeout: int,
    place: Place | None = None,
) -> Command:
    """Fill in what *draft* leaves open; *response_timeout* is the server's own."""
    order = draft.order
    known = endpoint_named(order.endpoint)
    expires_in = draft.expires_in or known.expires_in * SECOND
    return Command(
        id=command_id,
        scope_id=scope_id,
        device_id=device_id,
        endpoint=order.endpoint,
        priority=draft.priority,
        delivery=draft.delivery or known.delivery,
        max_attempts=draft.max_attempts or MAX_ATTEMPTS,
        response_timeout=draft.response_timeout or response_timeout,
        slow=is_slow(order.endpoint, order.body),
        created_at=now,
        not_before=draft.not_before,
        expires_at=max(now, draft.not_before or 0) + expires_in,
        operation_id=None if place is None else place.operation_id,
        step=None if place is None else place.step,
        resource=None if place is None else draft.resource,
        service_id=draft.service_id,
        order=order,
    )


def draft_again(command: Command, order: Order) -> Draft:
    """Return the draft of a command like this one, to be tried from now on."""
    begun = max(command.created_at, command.not_before or 0)
    return Draft(
        order=order,
        priority=command.priority,
        delivery=command.delivery,
        max_attempts=command.max_attempts,
        response_timeout=command.response_timeout,
        expires_in=command.expires_at - begun,
    )
