"""How what is desired becomes commands: one for each service that differs."""

from collections.abc import Callable, Iterable, Mapping

import attrs

from pushserver.model.catalogue import Delivery
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.draft import Draft
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.shadow import Dialect, Service, Value, is_same
from pushserver.model.turns import add, add_step, end_waiting

#: Makes the command of a draft, with its id and the server's defaults.
Make = Callable[[Draft], Command]


@attrs.frozen
class Syncing:
    """Puts commands that write and read services into a lane, in one decision."""

    lane: Lane
    changes: Changes
    dialect: Dialect
    now: int

    def compare(
        self, service: Service, make: Make, *, expires_in: int | None = None
    ) -> None:
        """
        Let what differs be written by one command; a waiting one makes room for it.

        What is in flight runs to its end, and is compared again if need be.
        """
        service.due = service.lapsed = service.planned = False
        self.changes.track_service(service)
        if self._is_with_device(service):
            return
        if expires_in is None and self._is_waiting_already(service):
            return
        self._make_room(service)
        wanted = service.differing(self.dialect.text)
        if wanted:
            order = self.dialect.write(service.service_id, wanted)
            draft = _draft(Draft(order=order, expires_in=expires_in), service)
            self._begin(service, make(draft), wanted)

    def step(
        self, service: Service, operation: Operation, draft: Draft, make: Make
    ) -> bool:
        """
        Let a task's step write the service; tell whether that could be.

        It writes what differs. If nothing does, it writes what it is about once more:
        somebody waits to hear of the device.
        """
        if self._is_with_device(service):
            return False
        self._make_room(service)
        wanted = service.differing(self.dialect.text) or self._own(service, draft)
        order = self.dialect.write(service.service_id, wanted)
        command = make(_draft(attrs.evolve(draft, order=order), service))
        self._begin(service, command, wanted, operation)
        return True

    def read(self, service: Service, keys: Iterable[str], make: Make) -> Command:
        """Ask the device for these properties; a read that waits makes room."""
        old = self._live(service.read_id)
        service.read_id = None
        if old is not None and old in self.lane.waiting:
            end_waiting(self.lane, old, self.changes, now=self.now)
        asked = sorted(keys)
        order = self.dialect.read(service.service_id, asked)
        command = make(_draft(Draft(order=order), service))
        service.begin_read(command.id, asked)
        command.shadow = service
        add(self.lane, command, self.changes)
        self.changes.track_service(service)
        return command

    def plan(self, service: Service) -> None:
        """Leave what is desired now to a task's step; what waits must not go out."""
        if service.has_moved and not self._is_with_device(service):
            self._make_room(service)
        service.due = service.lapsed = False
        service.planned = True
        self.changes.track_service(service)

    def _begin(
        self,
        service: Service,
        command: Command,
        wanted: Mapping[str, Value],
        operation: Operation | None = None,
    ) -> None:
        service.begin_write(command.id, wanted, self.dialect.text)
        command.shadow = service
        if operation is None:
            add(self.lane, command, self.changes)
        else:
            add_step(self.lane, operation, command, self.changes)
        self.changes.track_service(service)

    def _own(self, service: Service, draft: Draft) -> Mapping[str, Value]:
        """Return what a step is about, as it is desired now, if it still is."""
        body = (draft.order.body or "").encode()
        given = self.dialect.reported(body, service.service_id) or {}
        desired = {k: v for k, v in service.desired.items() if k in given}
        return desired or given

    def _live(self, command_id: int | None) -> Command | None:
        return None if command_id is None else self.lane.find(command_id)

    def _is_with_device(self, service: Service) -> bool:
        flight = self.lane.flight
        return flight is not None and flight.command.id == service.command_id

    def _is_waiting_already(self, service: Service) -> bool:
        """Tell whether just that waits to be handed out, for the first time."""
        old = self._live(service.command_id)
        if old is None or old.attempts:
            return False
        return is_same(service.sent, service.differing(self.dialect.text))

    def _make_room(self, service: Service) -> None:
        """End the waiting command of the service, which then follows it no more."""
        old = self._live(service.command_id)
        if old is None:
            return
        service.command_id = None
        if old.attempts:
            service.doubt(self.now)
        end_waiting(self.lane, old, self.changes, now=self.now)


def _draft(draft: Draft, service: Service) -> Draft:
    return attrs.evolve(
        draft, service_id=service.service_id, delivery=Delivery.AT_LEAST_ONCE
    )
