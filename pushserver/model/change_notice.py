"""What a commit changed, here or on another server, for those who have to react."""

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
    """What was seen of a device; `last_seen_at` and `poll_period` are microseconds."""

    device_id: int
    last_seen_at: int
    address: str | None
    poll_period: int | None
    polled_without_key: bool

    @classmethod
    def from_device(cls, device: Device) -> Self:
        """Return what was seen of *device*."""
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
    What is to be looked at again; it may be told twice, or in vain.

    For the devices that are `waiting` there may be a command. The commands that are
    `over` have ended. The scopes in `results` and `events` have new ones. `devices`
    were changed, as were some of the `tokens` and of the `subscriptions`. `seen` tells
    itself what there is to know. `everything`: nobody knows what was missed.

    Only a commit of this server has the rest. `new_events` are the events that it
    wrote. There are operations whose next step is due, tasks of which an operation
    ended, services that are to be compared again.
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
    new_events: Sequence[Event] = ()
    steps_due: bool = False
    tasks_due: bool = False
    shadows_due: bool = False


def commit_notice(changes: Changes, lanes: Mapping[int, Lane]) -> ChangeNotice:
    """Return what the commit of *changes*, which were decided on *lanes*, changed."""
    touched = {command.device_id for command in changes.new_commands}
    over = set()
    for command, _, _ in changes.transitions:
        touched.add(command.device_id)
        if command.state in FINISHED:
            over.add(command.id)
    operations = changes.operations.values()
    return ChangeNotice(
        waiting={i for i in touched if lanes[i].waiting and not lanes[i].in_flight},
        over=over,
        results={result.scope_id for result in changes.results},
        events={event.scope_id for event in changes.events},
        new_events=changes.events,
        steps_due=any(operation.needs_next_step for operation in operations),
        tasks_due=any(o.task_id is not None and not o.is_running for o in operations),
        shadows_due=any(s.needs_reconcile for s in changes.services.values()),
    )
