"""Every known device, in memory, looked up within a scope."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import chain

import attrs

from pushserver.errors import Invalid, NotFound
from pushserver.fair_turns import FairTurns
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.device import Device
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.lane import Lane
from pushserver.model.target import TargetSelector
from pushserver.services.off_loop import in_pieces
from pushserver.services.ordered_ids import OrderedIds
from pushserver.storage.base import Store

#: From so many targets on, no more than so many calls have theirs at once.
MANY_TARGETS = 10_000
_MAX_CALLS_WITH_MANY = 4


@attrs.define(eq=False, repr=False)
class DeviceRegistry:
    """
    Looks devices up within a scope, which does not see those of others.

    Quarantined devices belong to the first scope. Hold `write_lock` while saving
    devices or rereading them from the store. `quarantined_ids` are few.
    `tags_version` grows with each change of what has which tags.
    """

    store: Store
    write_lock: FairTurns = attrs.field(factory=FairTurns, init=False)
    quarantined_ids: set[int] = attrs.field(factory=set, init=False)
    tags_version: int = attrs.field(default=0, init=False)
    _leaving_ids: set[int] = attrs.field(factory=set, init=False)
    _devices: dict[int, Device] = attrs.field(factory=dict, init=False)
    _ids: OrderedIds = attrs.field(factory=OrderedIds, init=False)
    _counts: Counter[int] = attrs.field(factory=Counter, init=False)
    _protocol_counts: Counter[str] = attrs.field(factory=Counter, init=False)
    _room_for_many: FairTurns = attrs.field(
        factory=partial(FairTurns, _MAX_CALLS_WITH_MANY), init=False
    )

    async def load(self) -> None:
        """Read all devices from the store."""
        self._devices = {d.device_id: d for d in await self.store.all_devices()}
        self._ids.load(self._devices)
        self._counts = Counter(d.scope_id for d in self)
        self._protocol_counts = Counter(d.protocol for d in self)
        self.quarantined_ids = {d.device_id for d in self if not d.is_adopted}
        self.tags_version += 1

    def __iter__(self) -> Iterator[Device]:
        """Iterate over all devices, ordered by id, while others come and go."""
        ids = chain.from_iterable(self._ids.walk())
        return filter(None, map(self._devices.get, ids))

    @property
    def adopted_count(self) -> int:
        """How many devices are adopted, in all scopes."""
        return len(self._devices) - len(self.quarantined_ids)

    def __len__(self) -> int:
        return len(self._devices)

    def find_in_any_scope(self, device_id: int) -> Device | None:
        """Return the device, whichever scope it belongs to."""
        return self._devices.get(device_id)

    def all_speak(self, protocol: str) -> bool:
        """Tell whether every device speaks *protocol*."""
        return self._protocol_counts[protocol] == len(self._devices)

    def find(self, scope_id: int, device_id: int) -> Device | None:
        """Return the device if the scope has it."""
        device = self._devices.get(device_id)
        return device if device is not None and device.scope_id == scope_id else None

    def get(self, scope_id: int, device_id: int) -> Device:
        """
        Return the device.

        Raises:
            NotFound: the scope does not have it.
        """
        device = self.find(scope_id, device_id)
        if device is None:
            raise NotFound(f"There is no device {device_id}.")
        return device

    def find_adopted(self, scope_id: int, device_id: int) -> Device | None:
        """Return the device if the scope has adopted it."""
        device = self._devices.get(device_id)
        if device is None or device.scope_id != scope_id or not device.is_adopted:
            return None
        return device

    def count(self, scope_id: int) -> int:
        """Return how many devices the scope has."""
        return self._counts[scope_id]

    def find_all(self, scope_id: int, ids: Iterable[int]) -> Iterator[Device]:
        """Return those of *ids* that the scope has, each as it is at its turn."""
        for device_id in ids:
            device = self._devices.get(device_id)
            if device is not None and device.scope_id == scope_id:
                yield device

    def walk_ids(
        self,
        criteria: DeviceFilter,
        *,
        after: int | None = None,
        descending: bool = False,
    ) -> Iterator[Sequence[int]]:
        """
        Yield the ids that may be meant in their order, a few at a time.

        Who walks has no copy of all of them, however many devices there are.
        """
        ids = self._ids
        if criteria.among is not None:
            ids = OrderedIds()
            ids.load(criteria.among)
        return ids.walk_back(after) if descending else ids.walk(after)

    async def iter_matching(
        self, scope_id: int, criteria: DeviceFilter
    ) -> AsyncIterator[Device]:
        """
        Return the scope's devices that match the filter, ordered by id, in pieces.

        Each is looked up when it is its turn: one that is deleted before is left out.
        """
        # Each id takes its time, also where for long no device is meant.
        async for device_id in in_pieces(chain.from_iterable(self.walk_ids(criteria))):
            device = self.find(scope_id, device_id)
            if device is not None and criteria.matches(device):
                yield device

    @asynccontextmanager
    async def resolve_targets(
        self, scope_id: int, targets: TargetSelector
    ) -> AsyncIterator[list[Device]]:
        """
        Yield the adopted devices that *targets* selects.

        Those who have very many of them wait for each other.

        Raises:
            Invalid: the scope has not adopted one of the ids, or nothing is selected.
        """
        found: list[Device] = []
        async with AsyncExitStack() as stack:
            async for device in in_pieces(self._iter_targets(scope_id, targets)):
                if device is None:
                    continue
                found.append(device)
                if len(found) == MANY_TARGETS:
                    await stack.enter_async_context(self._room_for_many)
            if not found:
                raise Invalid(
                    "The targets select no adopted device.", pointer="/targets"
                )
            yield found

    def _iter_targets(
        self, scope_id: int, targets: TargetSelector
    ) -> Iterator[Device | None]:
        """Yield the targets, and None for each device that is none of them."""
        if targets.device_ids is not None:
            ids: Iterable[int] = dict.fromkeys(targets.device_ids)
            yield from (self._get_target(scope_id, each) for each in ids)
            return
        for device_id in chain.from_iterable(self._ids.walk()):
            device = self.find_adopted(scope_id, device_id)
            yield device if device is not None and targets.has_tags(device) else None

    def _get_target(self, scope_id: int, device_id: int) -> Device:
        device = self.find_adopted(scope_id, device_id)
        if device is None:
            raise Invalid(
                f"There is no adopted device {device_id}.",
                pointer="/targets/deviceIds",
            )
        return device

    def add(self, device: Device) -> None:
        """Add an unknown device."""
        self._devices[device.device_id] = device
        self._ids.add(device.device_id)
        self.tags_version += bool(device.tags)
        self._count_in(device)

    def update(self, source: Device, names: Sequence[str]) -> None:
        """Copy the fields *names* of *source* to the known device, or add *source*."""
        device = self._devices.get(source.device_id)
        if device is None:
            self.add(source)
        elif device is not source:
            self._count_out(device)
            tags = device.scope_id, device.tags
            for name in names:
                setattr(device, name, getattr(source, name))
            self.tags_version += tags != (device.scope_id, device.tags)
            self._count_in(device)
            device.known_poll = None
        if "hold" in names:
            device = device or source
            device.hang_up_count, device.shortest_aborted_hold = 0, None

    def _count_in(self, device: Device) -> None:
        """Count a device as it is now."""
        self._counts[device.scope_id] += 1
        self._protocol_counts[device.protocol] += 1
        if not device.is_adopted:
            self.quarantined_ids.add(device.device_id)

    def _count_out(self, device: Device) -> None:
        """Count a device no more, as it was until now."""
        self._counts[device.scope_id] -= 1
        self._protocol_counts[device.protocol] -= 1
        self.quarantined_ids.discard(device.device_id)

    def publish_changed(self, device_ids: Iterable[int]) -> None:
        """Tell who shows devices that this server changed some, or is deleting them."""
        self.store.feed.publish_own(ChangeNotice(devices={*device_ids}))

    @contextmanager
    def leaving(self, device_id: int) -> Iterator[None]:
        """Let nothing be planned for a device during the block, which deletes it."""
        self._leaving_ids.add(device_id)
        try:
            yield
        finally:
            self._leaving_ids.discard(device_id)

    def owns(self, scope_id: int, lane: Lane) -> bool:
        """
        Tell a decision whether the scope has adopted the device, and is to keep it.

        A program may have asked long before. Where other servers change devices, too,
        the store said whose it is; else memory knows.
        """
        if lane.device_id in self._leaving_ids:
            return False
        if lane.owner is not None:
            return lane.owner == scope_id
        return self.find_adopted(scope_id, lane.device_id) is not None

    def require_owner(self, scope_id: int, lane: Lane) -> None:
        """
        Let a decision plan nothing for a device that is not the scope's.

        Raises:
            NotFound: it was deleted, is being deleted, or is another scope's.
        """
        if not self.owns(scope_id, lane):
            raise NotFound(f"There is no adopted device {lane.device_id}.")

    def forget(self, device_id: int) -> None:
        """Remove a device from memory, if it is there."""
        device = self._devices.pop(device_id, None)
        if device is not None:
            self._ids.discard(device_id)
            self.tags_version += bool(device.tags)
            self._count_out(device)
            device.known_poll = None
