"""What decisions do with a device's shadow: compare, write, ask."""

from collections.abc import Iterable
from functools import partial

import attrs

from pushserver.clock import Clock
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.draft import Draft, Place
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.shadow import Dialect, Service
from pushserver.model.syncing import Make, Syncing
from pushserver.services.queue import Queue
from pushserver.storage.deciding import Past


@attrs.frozen
class Mirror:
    """Lets services become commands, in the words of the `dialect`."""

    dialect: Dialect
    queue: Queue
    clock: Clock

    def compare(
        self,
        service: Service,
        lane: Lane,
        changes: Changes,
        *,
        expires_in: int | None = None,
    ) -> None:
        """Let what differs be written by one command."""
        syncing = self._syncing(lane, changes)
        syncing.compare(service, self._make(service), expires_in=expires_in)

    def leave_to_task(self, service: Service, lane: Lane, changes: Changes) -> None:
        """Let a task's step, which is to come, write what is desired now."""
        self._syncing(lane, changes).plan(service)

    def read(
        self, service: Service, keys: Iterable[str], lane: Lane, changes: Changes
    ) -> Command:
        """Ask the device for these properties of the service."""
        make = self._make(service)
        return self._syncing(lane, changes).read(service, keys, make)

    def step(
        self,
        operation: Operation,
        draft: Draft,
        lane: Lane,
        changes: Changes,
        past: Past,
    ) -> bool:
        """
        Queue an operation's next step, which writes a service; tell whether it was.

        It waits while another command that writes the service is with the device.
        """
        service_id = draft.service_id or ""
        service = changes.shadow(lane, past.services).get(service_id)
        if service is None:
            service = self.service(operation.scope_id, lane, service_id)
        place = Place(operation.id, operation.queued)
        make = self._make(service, place)
        return self._syncing(lane, changes).step(service, operation, draft, make)

    @staticmethod
    def service(scope_id: int, lane: Lane, service_id: str) -> Service:
        """Return a service of which nothing is known."""
        return Service(
            device_id=lane.device_id, service_id=service_id, scope_id=scope_id
        )

    def _syncing(self, lane: Lane, changes: Changes) -> Syncing:
        return Syncing(lane, changes, self.dialect, self.clock.now())

    def _make(self, service: Service, place: Place | None = None) -> Make:
        return partial(
            self.queue.make,
            scope_id=service.scope_id,
            device_id=service.device_id,
            now=self.clock.now(),
            place=place,
        )
