"""One device and one of its services, in memory."""

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery
from pushserver.model.command_request import CommandRequest, make_command
from pushserver.model.event import EventType
from pushserver.model.event_payload import ShadowPayload
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.lane_reconciler import LaneReconciler
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.shadow import PropertyValue, Service, next_desired_version
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    give_up_in_flight,
    revert_hand_out,
)
from pushserver.protocols.controlid import configuration
from pushserver.protocols.controlid.catalogue import endpoint_defaults
from tests.clock import START
from tests.model.factories import DEVICE, TIMEOUT, new_id, poll_lane, result

SHADOW_INTEREST = {DEFAULT_SCOPE_ID: {EventType.SHADOW_STATUS}}
ERROR = b'"Node or attribute not found."'


def service(service_id: str = "general", **overrides: Any) -> Service:
    """Return a service of which nothing is known."""
    defaults: dict[str, Any] = {"device_id": DEVICE, "scope_id": DEFAULT_SCOPE_ID}
    return Service(service_id=service_id, **{**defaults, **overrides})


@attrs.define
class ShadowScenario:
    """One device with one service, and the `error` it has. `now` is an instant."""

    service: Service = attrs.Factory(service)
    lane: Lane = attrs.Factory(lambda: Lane(DEVICE))
    changes: Changes = attrs.Factory(lambda: Changes(new_id, START, SHADOW_INTEREST))
    now: int = START
    error: bytes = ERROR

    @property
    def reconciler(self) -> LaneReconciler:
        """The reconciler at the present instant."""
        return LaneReconciler(self.lane, self.changes, configuration, self.now)

    @property
    def payloads(self) -> list[tuple[bool, dict[str, PropertyValue], str | None]]:
        """Return the shadow events: whether it was delivered, what, and the error."""
        decoded = [
            msgspec.json.decode(event.data or b"", type=ShadowPayload)
            for event in self.changes.events
        ]
        return [
            (one.delivered, msgspec.json.decode(one.properties), one.error)
            for one in decoded
        ]

    @property
    def sync_status(self) -> str:
        """Return the service's sync status."""
        return str(self.service.sync_status(configuration.format_value))

    @property
    def waiting_bodies(self) -> list[str | None]:
        """Return the bodies of waiting commands."""
        return [one.order.body if one.order else None for one in self.lane.waiting]

    def tick(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.now += round(seconds * SECOND)

    def make_command(self, request: CommandRequest) -> Command:
        """Make a command."""
        return make_command(
            request,
            command_id=new_id(),
            scope_id=DEFAULT_SCOPE_ID,
            device_id=DEVICE,
            now=self.now,
            defaults=endpoint_defaults(request.order),
            response_timeout=TIMEOUT,
        )

    def set_desired(
        self, desired: Mapping[str, PropertyValue], seconds: int | None = None
    ) -> None:
        """Set desired values and compare; commands expire after *seconds*."""
        self.service.set_desired(
            desired, next_desired_version([self.service]), self.now
        )
        expires_in = None if seconds is None else seconds * SECOND
        self.reconciler.reconcile(
            self.service, self.make_command, expires_in=expires_in
        )

    def compare(self) -> None:
        """Compare again, as a worker does."""
        self.reconciler.reconcile(self.service, self.make_command)

    def refresh(self, *keys: str) -> Command:
        """Read the known properties, and *keys*, from the device."""
        keys_to_read = {*self.service.property_names, *keys}
        return self.reconciler.request_read(
            self.service, keys_to_read, self.make_command
        )

    def poll_command(self) -> InFlight:
        """Let the device poll; it must get a command."""
        in_flight = poll_lane(self.lane, self.now, uuid="u", changes=self.changes)
        assert in_flight is not None
        return in_flight

    def post_result(
        self,
        command: Command,
        delivery: Delivery,
        *,
        failed: bool = False,
        reported: dict[str, str] | None = None,
    ) -> None:
        """Post the result of a delivery."""
        parsed = ParsedResult(error=self.error if failed else None, reported=reported)
        posted = result(received_at=self.now)
        apply_result(
            self.lane,
            command,
            delivery,
            self.changes,
            result=posted,
            parsed_result=parsed,
        )

    def run_command(self, *, failed: bool = False) -> Command:
        """Hand out the first waiting command and answer it."""
        in_flight = self.poll_command()
        self.post_result(in_flight.command, in_flight.delivery, failed=failed)
        return in_flight.command

    def run_refresh(self, *keys: str, **reported: str) -> None:
        """Refresh, and let the device answer this."""
        self.refresh(*keys)
        in_flight = self.poll_command()
        self.post_result(in_flight.command, in_flight.delivery, reported=reported)

    def give_up_delivery(self) -> None:
        """Stop waiting for the command in flight."""
        give_up_in_flight(self.lane, self.changes, now=self.now)

    def revert_delivery(self, in_flight: InFlight) -> None:
        """Withdraw a delivery of which no byte was written."""
        revert_hand_out(self.lane, in_flight, self.changes, now=self.now)

    def expire_overdue(self) -> None:
        """Do what is due."""
        apply_deadlines(self.lane, self.changes, now=self.now)
