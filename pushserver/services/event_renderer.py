"""Renders an event as a body in the subscription's format."""

from collections.abc import Collection, Mapping
from typing import assert_never

import attrs

from pushserver.dialects.iotda import iotda_body
from pushserver.dialects.native import native_body, ping_body
from pushserver.dialects.oceanconnect import oceanconnect_body
from pushserver.dialects.samples import SAMPLE_DEVICE_ID, SAMPLE_RESULT, sample_event
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import CommandPayload
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState
from pushserver.model.subscription import Subscription, WebhookFormat
from pushserver.model.token import Permission
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.device_registry import DeviceRegistry
from pushserver.storage.base import Store


class EventGone(Exception):
    """An event was deleted before it was told."""


@attrs.frozen
class EventRenderer:
    """Renders events; what they were left without is read from the store then."""

    store: Store
    devices: DeviceRegistry
    protocols: DeviceProtocols

    async def render(
        self, subscription: Subscription, event: Event, *, longest: int | None = None
    ) -> bytes:
        """
        Return the bytes to send.

        Raises:
            Unavailable: the store is away.
            TooLong: it needs data, or a result, of more than *longest* bytes.
            EventGone: the event was deleted.
        """
        if subscription.format is WebhookFormat.NATIVE:
            return await self.render_native(
                event,
                include_result=subscription.include_result,
                may_read=subscription.shown,
                longest=longest,
            )
        event = await self._with_data(event, longest)
        return _platform_body(
            subscription,
            event,
            device_id=self._device_id(event) or "",
            tags=self._tags(event)
            if subscription.shows(Permission.DEVICES_READ)
            else {},
            parsed_result=await self._parsed_result(
                event, failures_only=False, longest=longest
            ),
        )

    def render_ping(self, subscription: Subscription, at: int) -> bytes:
        """Return a message that tests the receiver, about nothing that happened."""
        if subscription.format is WebhookFormat.NATIVE:
            return ping_body(subscription.id, at)
        first_type = next(each for each in EventType if each in subscription.events)
        return _platform_body(
            subscription,
            sample_event(first_type, at),
            device_id=SAMPLE_DEVICE_ID,
            tags={},
            parsed_result=SAMPLE_RESULT,
        )

    async def render_native(
        self,
        event: Event,
        *,
        include_result: bool,
        may_read: Collection[Permission],
        longest: int | None = None,
    ) -> bytes:
        """
        Return the server's own body, for who has the permissions *may_read*.

        A device's error is part of its result; the values of a shadow, and metadata,
        are part of commands; its name and its addresses are part of a device.

        Raises:
            Unavailable: the store is away.
            TooLong: it needs data, or a result, of more than *longest* bytes.
            EventGone: the event was deleted.
        """
        event = await self._with_data(event, longest)
        parsed = await self._parsed_result(
            event, failures_only=not include_result, longest=longest
        )
        reads_commands = Permission.COMMANDS_READ in may_read
        reads_devices = Permission.DEVICES_READ in may_read
        return native_body(
            event,
            parsed,
            device_id=self._device_id(event),
            device_name=self._device_name(event) if reads_devices else None,
            metadata=await self._metadata(event) if reads_commands else None,
            include_result=include_result,
            may_read=may_read,
        )

    async def _with_data(self, event: Event, longest: int | None) -> Event:
        """Return the event with its data, which was left in the store if it is long."""
        if event.data is not None:
            return event
        read = self.store.subscriptions.event_data
        data = await read(event.id, longest=longest)
        if data is None:
            raise EventGone
        return attrs.evolve(event, data=data)

    async def _metadata(self, event: Event) -> str | None:
        """Return what the program attached to the event's command."""
        payload = event.payload
        if not isinstance(payload, CommandPayload):
            return None
        command_id = payload.command_id
        read = self.store.metadata_of_commands
        return (await read(event.scope_id, [command_id])).get(command_id)

    async def _parsed_result(
        self, event: Event, *, failures_only: bool, longest: int | None
    ) -> ParsedResult | None:
        """Return the device's result, if the body contains any of it."""
        payload = event.payload
        if not isinstance(payload, CommandPayload) or payload.result_id is None:
            return None
        if failures_only and payload.state is CommandState.SUCCESSFUL:
            return None
        result = await self.store.find_result(
            event.scope_id, payload.command_id, longest=longest
        )
        if result is None or result.id != payload.result_id:
            return None
        return self.protocols.parse_result(result)

    def _device_id(self, event: Event) -> str | None:
        """Return the event's device as programs write it."""
        if event.device_id is None:
            return None
        return self.protocols.display_id(event.device_id)

    def _device_name(self, event: Event) -> str | None:
        if event.device_id is None:
            return None
        device = self.devices.find(event.scope_id, event.device_id)
        return None if device is None else device.name

    def _tags(self, event: Event) -> dict[str, str]:
        if event.device_id is None:
            return {}
        device = self.devices.find(event.scope_id, event.device_id)
        return {} if device is None else dict(device.tags)


def _platform_body(
    subscription: Subscription,
    event: Event,
    *,
    device_id: str,
    tags: Mapping[str, str],
    parsed_result: ParsedResult | None,
) -> bytes:
    """Return the body as the subscription's platform would send it."""
    match subscription.format:
        case WebhookFormat.IOTDA:
            return iotda_body(
                event,
                device_id=device_id,
                app_id=subscription.app_id,
                tags=tags,
                parsed_result=parsed_result,
                resource_name=subscription.resource_name,
            )
        case WebhookFormat.OCEANCONNECT:
            return oceanconnect_body(
                event,
                device_id=device_id,
                app_id=subscription.app_id,
                include_properties=subscription.shows(Permission.COMMANDS_READ),
            )
        case WebhookFormat.NATIVE:
            raise TypeError(subscription.format)
        case _:
            assert_never(subscription.format)
