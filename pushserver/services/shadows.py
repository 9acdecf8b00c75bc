"""Shadows: say what should be on a device, and see what is."""

import asyncio
from collections.abc import Mapping, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Invalid, PreconditionFailed
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.draft import Draft, Plan
from pushserver.model.lane import Lane
from pushserver.model.merging import Merge, check_size, merged
from pushserver.model.operation import Action, Label, OnFailure
from pushserver.model.shadow import Service, is_same, next_version
from pushserver.services.fleet import Fleet
from pushserver.services.mirror import Mirror
from pushserver.services.polling import Polling
from pushserver.services.queue import Render
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from pushserver.storage.shadows import DueService

#: So many devices are changed at once, so that a door command waits for no more.
PIECE = 250
_SHADOW = Recall(shadow=True)


@attrs.define(eq=False)
class Shadows:
    """
    What is desired and known of devices. `hold` is the server's, microseconds.

    `wanted` is set when a service is to be compared again.
    """

    store: Store
    clock: Clock
    fleet: Fleet
    polling: Polling
    mirror: Mirror
    hold: int
    wanted: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def get(self, scope_id: int, device_id: int) -> Sequence[Service]:
        """
        Return the services of a device.

        Raises:
            NotFound: it is not known in the scope.
        """
        self.fleet.get(scope_id, device_id)
        return await self.store.shadows.services(scope_id, device_id)

    async def patch(
        self,
        scope_id: int,
        device_id: int,
        merge: Merge,
        *,
        versions: frozenset[str] | None = None,
        expires_in: int | None = None,
    ) -> Sequence[Service]:
        """
        Change what is desired of an adopted device; what differs is sent at once.

        One of *versions* must be the shadow's, or that of the services in *merge*.

        Raises:
            Invalid: it would be too much for one device.
            PreconditionFailed: none of *versions* is.
            Unavailable: the store is away.
        """

        def decide(lane: Lane, changes: Changes, past: Past) -> Sequence[Service]:
            services = changes.shadow(lane, past.services)
            _check_version(services, merge, versions)
            for service in self._desire(scope_id, merge, services, lane):
                self.mirror.compare(service, lane, changes, expires_in=expires_in)
            return _copies(services)

        return await self.polling.fill(device_id, decide, _SHADOW)

    def _desire(
        self, scope_id: int, merge: Merge, services: dict[str, Service], lane: Lane
    ) -> list[Service]:
        """Carry *merge* out on *services*; return those that it names."""
        wanted, version = merged(services, merge), next_version(services.values())
        now = self.clock.now()
        for service_id, desired in wanted.items():
            service = services.get(service_id)
            if service is None:
                service = self.mirror.service(scope_id, lane, service_id)
                services[service_id] = service
            if not is_same(service.desired, desired):
                service.desire(desired, version, now)
        return [services[service_id] for service_id in wanted]

    async def refresh(
        self,
        scope_id: int,
        device_id: int,
        keys: Mapping[str, Sequence[str]],
        render: Render,
    ) -> tuple[Sequence[Command], bytes]:
        """
        Ask an adopted device for all properties that are known of, and for *keys*.

        Raises:
            Invalid: it would be too much for one device.
            Unavailable: the store is away.
        """

        def decide(
            lane: Lane, changes: Changes, past: Past
        ) -> tuple[Sequence[Command], bytes]:
            services = changes.shadow(lane, past.services)
            commands = []
            for name, each in _wanted_keys(services, keys).items():
                service = services.get(name)
                if service is None:
                    service = self.mirror.service(scope_id, lane, name)
                commands.append(self.mirror.read(service, each, lane, changes))
            return commands, render(commands)

        return await self.polling.fill(device_id, decide, _SHADOW)

    # Many devices

    def plan(self, merge: Merge) -> Plan:
        """
        Return the operation that writes what is desired, a step for each service.

        Raises:
            Invalid: nothing is desired, or something is taken away.
        """
        check_size({name: properties or {} for name, properties in merge.items()})
        drafts = [self._step(name, wanted or {}) for name, wanted in merge.items()]
        if not drafts:
            raise Invalid("Say what is desired.", pointer="/desired")
        label = Label(resource="shadow", action=Action.WRITE)
        return Plan(
            drafts=drafts, label=label, on_failure=OnFailure.CONTINUE, desired=merge
        )

    def _step(self, service_id: str, given: Mapping[str, object]) -> Draft:
        values = {n: v for n, v in given.items() if isinstance(v, str | int | float)}
        if not values or len(values) < len(given):
            raise Invalid(
                "For many devices a service needs properties, none of them null.",
                pointer=f"/desired/{service_id}",
            )
        order = self.mirror.dialect.write(service_id, values)
        return Draft(order=order, resource=service_id, service_id=service_id)

    async def desire_all(
        self, scope_id: int, merge: Merge, device_ids: Sequence[int]
    ) -> None:
        """
        Change what is desired of many devices, whose task is going to send it.

        Raises:
            Invalid: it would be too much for one of them.
            Unavailable: the store is away.
        """
        for start in range(0, len(device_ids), PIECE):
            piece = device_ids[start : start + PIECE]
            await asyncio.gather(*(self._plan(scope_id, merge, i) for i in piece))

    async def _plan(self, scope_id: int, merge: Merge, device_id: int) -> None:
        def decide(lane: Lane, changes: Changes, past: Past) -> None:
            services = changes.shadow(lane, past.services)
            for service in self._desire(scope_id, merge, services, lane):
                self.mirror.leave_to_task(service, lane, changes)

        try:
            await self.store.change(device_id, decide, _SHADOW)
        except Invalid as error:
            detail = f"Device {device_id}: {error.detail}"
            raise Invalid(detail, pointer="/targets") from None

    # By itself

    def look(self, changes: Changes) -> None:
        """Notice in what was written that a service is to be compared again."""
        if any(service.due for service in changes.services.values()):
            self.wanted.set()

    async def go_on(self) -> int:
        """Compare every service again that is due, or whose device is there again."""
        self.wanted.clear()
        total = 0
        while found := await self._found():
            done = await asyncio.gather(*(self._compare(each) for each in found))
            if not any(done):
                break
            total += sum(done)
        return total

    async def _found(self) -> Sequence[DueService]:
        due = await self.store.shadows.due(limit=PIECE)
        return due or await self.store.shadows.startable(
            now=self.clock.now(), hold=self.hold, limit=PIECE
        )

    async def _compare(self, due: DueService) -> bool:
        def decide(lane: Lane, changes: Changes, past: Past) -> bool:
            service = changes.shadow(lane, past.services).get(due.service_id)
            if service is None or not (service.due or service.lapsed):
                return False
            self.mirror.compare(service, lane, changes)
            return True

        return await self.polling.fill(due.device_id, decide, _SHADOW)


def _check_version(
    services: Mapping[str, Service], merge: Merge, versions: frozenset[str] | None
) -> None:
    if versions is None:
        return
    named = [service for name, service in services.items() if name in merge]
    now = {next_version(services.values()) - 1, next_version(named) - 1}
    if not versions & {str(version) for version in now}:
        raise PreconditionFailed(f"The shadow has version {max(now)} now.")


def _wanted_keys(
    services: Mapping[str, Service], more: Mapping[str, Sequence[str]]
) -> dict[str, set[str]]:
    """Return what is known of, and *more*, by service."""
    names = sorted({*services, *more})
    wanted = {
        name: set(more.get(name, ()))
        | (services[name].keys if name in services else set())
        for name in names
    }
    check_size({name: sorted(keys) for name, keys in wanted.items()})
    return {name: keys for name, keys in wanted.items() if keys}


def _copies(services: Mapping[str, Service]) -> list[Service]:
    """Return services as they stand now; they go on changing."""
    return [attrs.evolve(services[name]) for name in sorted(services)]
