"""What a subscription is told of an event: the body in its format."""

import attrs
import msgspec

from pushserver.dialects.controlid.result import parse_result
from pushserver.dialects.iotda import iotda_body
from pushserver.dialects.native import native_body
from pushserver.dialects.oceanconnect import oceanconnect_body
from pushserver.model.event import CommandPayload, Event, EventType
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState
from pushserver.model.subscription import Subscription, WebhookFormat
from pushserver.services.device_directory import DeviceDirectory
from pushserver.storage.history import CommandHistory


@attrs.frozen
class EventRenderer:
    """Renders events; what a device answered is read when it is told."""

    history: CommandHistory
    devices: DeviceDirectory

    async def render(self, subscription: Subscription, event: Event) -> bytes:
        """
        Return the bytes to send.

        Raises:
            Unavailable: the store is away.
        """
        if subscription.format is WebhookFormat.OCEANCONNECT:
            return oceanconnect_body(event, app_id=subscription.app_id)
        if subscription.format is WebhookFormat.IOTDA:
            return iotda_body(
                event,
                app_id=subscription.app_id,
                tags=self._tags(event),
                parsed_result=await self._parsed_result(event, failures_only=False),
                resource_name=subscription.resource_name,
            )
        return await self.render_native(
            event, include_result=subscription.include_result
        )

    async def render_native(self, event: Event, *, include_result: bool) -> bytes:
        """
        Return the server's own body.

        Raises:
            Unavailable: the store is away.
        """
        parsed = await self._parsed_result(event, failures_only=not include_result)
        return native_body(event, parsed, include_result=include_result)

    async def _parsed_result(
        self, event: Event, *, failures_only: bool
    ) -> ParsedResult | None:
        """Return what the device answered, as far as that is told."""
        if event.type is not EventType.COMMAND_STATUS:
            return None
        payload = msgspec.json.decode(event.data, type=CommandPayload)
        if payload.result_id is None or (
            failures_only and payload.state is not CommandState.FAILED
        ):
            return None
        result = await self.history.find_result(event.scope_id, payload.command_id)
        return (
            None
            if result is None
            else parse_result(result.body, result.content_encoding)
        )

    def _tags(self, event: Event) -> dict[str, str]:
        if event.device_id is None:
            return {}
        device = self.devices.find(event.scope_id, event.device_id)
        return {} if device is None else dict(device.tags)
