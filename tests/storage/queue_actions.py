"""Decisions as services take them, in one line each."""

from collections.abc import Sequence
from typing import Any

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, MatchedBy, Result
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.transfers import record_written
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    enqueue,
    give_up_in_flight,
)
from pushserver.model.transitions import revert_hand_out as withdraw_from
from pushserver.model.withdrawal import withdraw
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.history import CommandRecord
from tests.clock import START
from tests.model.factories import DEVICE, parsed_result, poll_lane, result


async def enqueue_commands(store: Store, *commands: Command) -> None:
    """Add commands, which are all for one device."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        for command in commands:
            enqueue(lane, command, changes)

    await store.change_lane(commands[0].device_id, decide)


async def poll(
    store: Store, now: int = START, *, uuid: str | None = None, device: int = DEVICE
) -> InFlight | None:
    """Let a device poll."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> InFlight | None:
        return poll_lane(lane, now, uuid=uuid, changes=changes)

    return await store.change_lane(device, decide)


async def poll_command(
    store: Store, now: int = START, *, uuid: str | None = None
) -> InFlight:
    """Let the device poll; it must get a command."""
    in_flight = await poll(store, now, uuid=uuid)
    assert in_flight is not None
    return in_flight


async def mark_written(store: Store, in_flight: InFlight, at: int = START) -> None:
    """Record that the answer was written."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        record_written(lane, in_flight, changes)

    in_flight.written_at = at
    await store.change_lane(in_flight.command.device_id, decide)


async def give_up_delivery(store: Store, now: int, device: int = DEVICE) -> None:
    """Give up the command in flight."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        give_up_in_flight(lane, changes, now=now)

    await store.change_lane(device, decide)


async def revert_delivery(store: Store, in_flight: InFlight, now: int = START) -> None:
    """Withdraw a delivery."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        withdraw_from(lane, in_flight, changes, now=now)

    await store.change_lane(in_flight.command.device_id, decide)


async def expire_overdue(store: Store, now: int, device: int = DEVICE) -> None:
    """Do what is due in one lane."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        apply_deadlines(lane, changes, now=now)

    await store.change_lane(device, decide)


async def try_cancel(store: Store, command: Command, now: int = START) -> bool:
    """Cancel a command; return whether it could be."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> bool:
        queued = lane.find_command(command.id)
        if queued is None:
            return False
        withdraw(lane, queued, changes, now=now)
        return True

    return await store.change_lane(command.device_id, decide)


async def post_result(
    store: Store,
    in_flight: InFlight,
    now: int = START,
    *,
    failed: bool = False,
    **fields: Any,
) -> Result:
    """Post the result of the command in flight."""
    posted = result_for(in_flight.command, in_flight.delivery, now)
    posted = attrs.evolve(posted, **fields)

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> Result:
        changes.results.append(posted)
        command, delivery = _stored_delivery(in_flight, lane, prior)
        apply_result(
            lane,
            command,
            delivery,
            changes,
            result=posted,
            parsed_result=parsed_result(failed),
        )
        return posted

    lookup = Lookup(delivery_uuid=in_flight.delivery.uuid, last_given_up=True)
    return await store.change_lane(in_flight.command.device_id, decide, lookup)


def _stored_delivery(
    in_flight: InFlight, lane: Lane, prior: PriorState
) -> tuple[Command, Delivery]:
    """Return the delivery in flight, as the store has it now."""
    command, delivery = in_flight.command, in_flight.delivery
    for found in (prior.by_uuid, prior.last_given_up, lane.in_flight):
        if found is not None and found.delivery.id == delivery.id:
            command, delivery = found.command, found.delivery
    return lane.find_command(command.id) or command, delivery


def result_for(command: Command, delivery: Delivery, now: int) -> Result:
    """Return a result that belongs to a delivery."""
    return result(
        scope_id=command.scope_id,
        device_id=command.device_id,
        command_id=command.id,
        delivery_id=delivery.id,
        matched_by=MatchedBy.IN_FLIGHT,
        received_at=now,
    )


async def add_results(store: Store, *results: Result) -> None:
    """Store results as they are, all from one device."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.results.extend(results)

    await store.change_lane(results[0].device_id, decide)


async def prior_state(store: Store, lookup: Lookup, device: int = DEVICE) -> PriorState:
    """Return the prior state as a decision sees it."""
    return await store.change_lane(device, lambda _lane, _changes, prior: prior, lookup)


async def command_record(store: Store, command: Command) -> CommandRecord:
    """Return the stored record of a command; it must be there."""
    record = await store.find_command(command.scope_id, command.id)
    assert record is not None
    return record


async def get_lane(store: Store, device: int = DEVICE) -> Lane:
    """Return a device's lane as a decision sees it."""
    return await store.change_lane(device, lambda lane, _changes, _prior: lane)


async def find_in_flight(store: Store, device: int = DEVICE) -> InFlight | None:
    """Return the command in flight of a device."""
    return (await get_lane(store, device)).in_flight


async def waiting_ids(store: Store, device: int = DEVICE) -> Sequence[int]:
    """Return the ids of commands that wait for a device, in order."""
    return [command.id for command in (await get_lane(store, device)).waiting]
