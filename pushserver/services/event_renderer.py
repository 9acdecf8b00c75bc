"""Renders an event as a body in the subscription's format."""

from typing import assert_never

import attrs

from pushserver.dialects.iotda import iotda_body
from pushserver.dialects.native import native_body
from pushserver.dialects.oceanconnect import oceanconnect_body
from pushserver.model.event import CommandPayload, Event
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState
from pushserver.model.subscription import Subscription, WebhookFormat
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.device_registry import DeviceRegistry
from pushserver.storage.history import CommandHistory


@attrs.frozen
class EventRenderer:
    """Renders events; a device's result is read from the store when needed."""

    history: CommandHistory
    devices: DeviceRegistry
    protocols: DeviceProtocols

    async def render(self, subscription: Subscription, event: Event) -> bytes:
        """
        Return the bytes to send.

        Raises:
            Unavailable: the store is away.
        """
        match subscription.format:
            case WebhookFormat.NATIVE:
                return await self.render_native(
                    event, include_result=subscription.include_result
                )
            case WebhookFormat.IOTDA:
                return iotda_body(
                    event,
                    device_id=self._device_id(event) or "",
                    app_id=subscription.app_id,
                    tags=self._tags(event),
                    parsed_result=await self._parsed_result(event, failures_only=False),
                    resource_name=subscription.resource_name,
                )
            case WebhookFormat.OCEANCONNECT:
                return oceanconnect_body(
                    event,
                    device_id=self._device_id(event) or "",
                    app_id=subscription.app_id,
                )
            case _:
                assert_never(subscription.format)

    async def render_native(self, event: Event, *, include_result: bool) -> bytes:
        """
        Return the server's own body.

        Raises:
            Unavailable: the store is away.
        """
        parsed = await self._parsed_result(event, failures_only=not include_result)
        return native_body(
            event,
            parsed,
            device_id=self._device_id(event),
            include_result=include_result,
        )

    async def _parsed_result(
        self, event: Event, *, failures_only: bool
    ) -> ParsedResult | None:
        """Return the device's result, if the body contains any of it."""
        payload = event.payload
        if not isinstance(payload, CommandPayload) or payload.result_id is None:
            return None
        if failures_only and payload.state is not CommandState.FAILED:
            return None
        result = await self.history.find_result(event.scope_id, payload.command_id)
        return None if result is None else self.protocols.parse_result(result)

    def _device_id(self, event: Event) -> str | None:
        """Return the event's device as programs write it."""
        if event.device_id is None:
            return None
        return self.protocols.display_id(event.device_id)

    def _tags(self, event: Event) -> dict[str, str]:
        if event.device_id is None:
            return {}
        device = self.devices.find(event.scope_id, event.device_id)
        return {} if device is None else dict(device.tags)
