"""Notices of what a commit changed, here or on another server."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Self

import attrs

from pushserver.model.changes import Changes
from pushserver.model.device import Device
from pushserver.model.event import Event
from pushserver.model.lane import Lane
from pushserver.model.state import FINISHED

_NO_IDS: frozenset[int] = frozenset()


class DeviceSeen(NamedTuple):
    """When and how a device was last seen; times are in microseconds."""

    device_id: int
    last_seen_at: int
    address: str | None
    poll_period: int | None
    polled_without_key: bool

    @classmethod
    def from_device(cls, device: Device) -> Self:
        """Return when and how *device* was last seen."""
        return cls(
            device.device_id,
            device.last_seen_at or 0,
            device.address,
            device.poll_period,
            device.polled_without_key,
        )


@attrs.frozen(kw_only=True)
class ChangeNotice:
    """
    What subscribers must check again; it may come twice, or without need.

    Devices that are `waiting` may have a command. The commands, operations and tasks in
    `over` have ended, or are gone.
    The scopes in `results` and `events` have new ones. `devices` were changed, and so
    were some `tokens` and `subscriptions`. `seen` carries the data itself.
    `everything`: notices were lost, so anything may have changed.

    Only a commit of this server has the other fields: the devices whose `lanes` it
    changed, the `new_events` that it wrote, and whether there are operations with a due
    step, tasks with an ended operation, and services to reconcile.
    """

    waiting: AbstractSet[int] = _NO_IDS
    over: AbstractSet[int] = _NO_IDS
    results: AbstractSet[int] = _NO_IDS
    events: AbstractSet[int] = _NO_IDS
    devices: AbstractSet[int] = _NO_IDS
    seen: Sequence[DeviceSeen] = ()
    tokens: bool = False
    subscriptions: bool = False
    everything: bool = False
    lanes: AbstractSet[int] = _NO_IDS
    new_events: Sequence[Event] = ()
    steps_due: bool = False
    tasks_due: bool = False
    shadows_due: bool = False


def commit_notice(changes: Changes, lanes: Mapping[int, Lane]) -> ChangeNotice:
    """Return the notice of a commit of *changes*, which were decided on *lanes*."""
    touched = {command.device_id for command in changes.new_commands}
    over = set()
    for command in changes.changed_commands.values():
        touched.add(command.device_id)
        if command.state in FINISHED:
            over.add(command.id)
    operations = changes.operations.values()
    over.update(each.id for each in operations if not each.is_running)
    over.update(changes.deleted_operations)
    over.update(each.task_id for each in changes.tasks_to_finish)
    return ChangeNotice(
        waiting={i for i in touched if lanes[i].waiting and not lanes[i].in_flights},
        over=over,
        results={result.scope_id for result in changes.results},
        events={event.scope_id for event in changes.events},
        lanes=touched,
        new_events=changes.events,
        steps_due=any(operation.needs_next_step for operation in operations),
        tasks_due=any(o.task_id is not None and not o.is_running for o in operations),
        shadows_due=any(s.needs_reconcile for s in changes.services.values()),
    )
