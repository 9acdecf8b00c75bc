"""A device and one of its services, told in short words."""

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.dialects.controlid import configuration
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut
from pushserver.model.draft import Draft, make_command
from pushserver.model.event import EventType, ShadowTold
from pushserver.model.lane import Flight, Lane
from pushserver.model.reading import Reading
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.shadow import Service, Value, next_version
from pushserver.model.syncing import Syncing
from pushserver.model.turns import answered, give_up, look_after, withdraw
from tests.clock import START
from tests.model.values import DEVICE, TIMEOUT, new_id, poll, result

WANTS_SHADOW = {FIRST_SCOPE: {EventType.SHADOW_STATUS}}
ERROR = b'"Node or attribute not found."'


def service(service_id: str = "general", **given: Any) -> Service:
    """Return a service of which nothing is known."""
    usual: dict[str, Any] = {"device_id": DEVICE, "scope_id": FIRST_SCOPE}
    return Service(service_id=service_id, **{**usual, **given})


@attrs.define
class Mirrored:
    """A device with one service. `now` is an instant."""

    service: Service = attrs.Factory(service)
    lane: Lane = attrs.Factory(lambda: Lane(DEVICE))
    changes: Changes = attrs.Factory(lambda: Changes(new_id, WANTS_SHADOW))
    now: int = START

    @property
    def syncing(self) -> Syncing:
        """What may be done now."""
        return Syncing(self.lane, self.changes, configuration, self.now)

    @property
    def told(self) -> list[tuple[bool, dict[str, Value], str | None]]:
        """Return what was told: whether it was delivered, what, and the error."""
        told = [
            msgspec.json.decode(event.data, type=ShadowTold)
            for event in self.changes.events
        ]
        return [
            (one.delivered, msgspec.json.decode(one.properties), one.error)
            for one in told
        ]

    @property
    def standing(self) -> str:
        """Return how the service stands."""
        return str(self.service.standing(configuration.text))

    @property
    def bodies(self) -> list[str | None]:
        """Return what waits."""
        return [one.order.body if one.order else None for one in self.lane.waiting]

    def tick(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.now += round(seconds * SECOND)

    def make(self, draft: Draft) -> Command:
        """Make a command."""
        return make_command(
            draft,
            command_id=new_id(),
            scope_id=FIRST_SCOPE,
            device_id=DEVICE,
            now=self.now,
            response_timeout=TIMEOUT,
        )

    def desire(self, desired: Mapping[str, Value], seconds: int | None = None) -> None:
        """Let this be desired, and compare; commands expire after *seconds*."""
        self.service.desire(desired, next_version([self.service]), self.now)
        expires_in = None if seconds is None else seconds * SECOND
        self.syncing.compare(self.service, self.make, expires_in=expires_in)

    def compare(self) -> None:
        """Compare again, as a worker does."""
        self.syncing.compare(self.service, self.make)

    def refresh(self, *keys: str) -> Command:
        """Ask the device for what is known of, and for *keys*."""
        wanted = {*self.service.keys, *keys}
        return self.syncing.read(self.service, wanted, self.make)

    def poll(self) -> Flight:
        """Let the device poll; it must be given something."""
        flight = poll(self.lane, self.now, uuid="u", changes=self.changes)
        assert flight is not None
        return flight

    def answer(
        self,
        command: Command,
        of: HandOut,
        *,
        failed: bool = False,
        reported: dict[str, str] | None = None,
    ) -> None:
        """Let the result of a delivery come."""
        reading = Reading(error=ERROR if failed else None, reported=reported)
        came = result(received_at=self.now)
        answered(self.lane, command, of, self.changes, result=came, reading=reading)

    def do(self, *, failed: bool = False) -> Command:
        """Let what waits first be handed out and answered."""
        flight = self.poll()
        self.answer(flight.command, flight.delivery, failed=failed)
        return flight.command

    def read(self, *keys: str, **reported: str) -> None:
        """Let the device be asked, and answer this."""
        self.refresh(*keys)
        flight = self.poll()
        self.answer(flight.command, flight.delivery, reported=reported)

    def give_up(self) -> None:
        """Wait no longer for what is in flight."""
        give_up(self.lane, self.changes, now=self.now)

    def take_back(self, flight: Flight) -> None:
        """Take a hand-out back of which no byte was written."""
        withdraw(self.lane, flight, self.changes, now=self.now)

    def look_after(self) -> None:
        """Do what is due."""
        look_after(self.lane, self.changes, now=self.now)
