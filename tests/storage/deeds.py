"""Decisions as services take them, in one line each."""

from collections.abc import Sequence

from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut, MatchedBy, Result
from pushserver.model.lane import Flight, Lane
from pushserver.model.turns import (
    add,
    answered,
    cancel,
    give_up,
    look_after,
    record_written,
)
from pushserver.model.turns import withdraw as withdraw_from
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from pushserver.storage.listing import CommandRecord
from tests.clock import START
from tests.model.values import DEVICE, poll, result, said


async def enqueue(store: Store, *commands: Command) -> None:
    """Add commands, which are all for one device."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        for command in commands:
            add(lane, command, changes)

    await store.change(commands[0].device_id, decide)


async def ask(
    store: Store, now: int = START, *, uuid: str | None = None, device: int = DEVICE
) -> Flight | None:
    """Let a device poll."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> Flight | None:
        return poll(lane, now, uuid=uuid, changes=changes)

    return await store.change(device, decide)


async def fly(store: Store, now: int = START, *, uuid: str | None = None) -> Flight:
    """Let the device poll; it must be given something."""
    flight = await ask(store, now, uuid=uuid)
    assert flight is not None
    return flight


async def written(store: Store, flight: Flight, at: int = START) -> None:
    """Record that the answer was written."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        record_written(lane, flight, changes)

    flight.written_at = at
    await store.change(flight.command.device_id, decide)


async def abandon(store: Store, now: int, device: int = DEVICE) -> None:
    """Give up what is in flight."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        give_up(lane, changes, now=now)

    await store.change(device, decide)


async def take_back(store: Store, flight: Flight, now: int = START) -> None:
    """Withdraw a hand-out."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        withdraw_from(lane, flight, changes, now=now)

    await store.change(flight.command.device_id, decide)


async def tend(store: Store, now: int, device: int = DEVICE) -> None:
    """Do what is due in one lane."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        look_after(lane, changes, now=now)

    await store.change(device, decide)


async def call_off(store: Store, wanted: Command, now: int = START) -> bool:
    """Cancel a command; tell whether it could be."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> bool:
        found = lane.find(wanted.id)
        return found is not None and cancel(lane, found, changes, now=now)

    return await store.change(wanted.device_id, decide)


async def report(
    store: Store, flight: Flight, now: int = START, *, failed: bool = False
) -> Result:
    """Let the result of what is in flight arrive."""
    came = result_for(flight.command, flight.delivery, now)

    def decide(lane: Lane, changes: Changes, past: Past) -> Result:
        changes.results.append(came)
        command, of = _as_it_stands(flight, lane, past)
        answered(lane, command, of, changes, result=came, reading=said(failed))
        return came

    what = Recall(uuid=flight.delivery.uuid, given_up=True)
    return await store.change(flight.command.device_id, decide, what)


def _as_it_stands(flight: Flight, lane: Lane, past: Past) -> tuple[Command, HandOut]:
    """Return what was in flight, as the store has it now."""
    command, of = flight.command, flight.delivery
    for found in (past.by_uuid, past.given_up, lane.flight):
        if found is not None and found.delivery.id == of.id:
            command, of = found.command, found.delivery
    return lane.find(command.id) or command, of


def result_for(command: Command, of: HandOut, now: int) -> Result:
    """Return a result that belongs to a delivery."""
    return result(
        scope_id=command.scope_id,
        device_id=command.device_id,
        command_id=command.id,
        delivery_id=of.id,
        matched_by=MatchedBy.IN_FLIGHT,
        received_at=now,
    )


async def post(store: Store, *results: Result) -> None:
    """Keep results as they are, all from one device."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.results.extend(results)

    await store.change(results[0].device_id, decide)


async def recall(store: Store, what: Recall, device: int = DEVICE) -> Past:
    """Return the past as a decision sees it."""
    return await store.change(device, lambda _lane, _changes, past: past, what)


async def record_of(store: Store, command: Command) -> CommandRecord:
    """Return what is kept of a command; it must be there."""
    record = await store.find_command(command.scope_id, command.id)
    assert record is not None
    return record


async def lane_of(store: Store, device: int = DEVICE) -> Lane:
    """Return a device's lane as a decision sees it."""
    return await store.change(device, lambda lane, _changes, _past: lane)


async def flying(store: Store, device: int = DEVICE) -> Flight | None:
    """Return what is with a device."""
    return (await lane_of(store, device)).flight


async def waiting(store: Store, device: int = DEVICE) -> Sequence[int]:
    """Return the ids that wait for a device, in order."""
    return [command.id for command in (await lane_of(store, device)).waiting]
