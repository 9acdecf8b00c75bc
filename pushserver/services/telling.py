"""What a subscription is told of an event: the body in its format."""

import attrs
import msgspec

from pushserver.dialects.controlid.result import read
from pushserver.dialects.iotda import iotda_body
from pushserver.dialects.native import native_body
from pushserver.dialects.oceanconnect import oceanconnect_body
from pushserver.model.event import CommandTold, Event, EventType
from pushserver.model.reading import Reading
from pushserver.model.state import State
from pushserver.model.subscription import Format, Subscription
from pushserver.services.directory import Directory
from pushserver.storage.listing import History


@attrs.frozen
class Telling:
    """Renders events; what a device answered is read when it is told."""

    history: History
    directory: Directory

    async def body(self, subscription: Subscription, event: Event) -> bytes:
        """
        Return the bytes to send.

        Raises:
            Unavailable: the store is away.
        """
        if subscription.format is Format.OCEANCONNECT:
            return oceanconnect_body(event, app_id=subscription.app_id)
        if subscription.format is Format.IOTDA:
            return iotda_body(
                event,
                app_id=subscription.app_id,
                tags=self._tags(event),
                reading=await self._reading(event, thin=False),
                resource_name=subscription.resource_name,
            )
        return await self.native(event, include_result=subscription.include_result)

    async def native(self, event: Event, *, include_result: bool) -> bytes:
        """
        Return the server's own body.

        Raises:
            Unavailable: the store is away.
        """
        reading = await self._reading(event, thin=not include_result)
        return native_body(event, reading, include_result=include_result)

    async def _reading(self, event: Event, *, thin: bool) -> Reading | None:
        """Return what the device answered, as far as that is told."""
        if event.type is not EventType.COMMAND_STATUS:
            return None
        told = msgspec.json.decode(event.data, type=CommandTold)
        if told.result_id is None or (thin and told.state is not State.FAILED):
            return None
        result = await self.history.find_result(event.scope_id, told.command_id)
        return None if result is None else read(result.body, result.content_encoding)

    def _tags(self, event: Event) -> dict[str, str]:
        if event.device_id is None:
            return {}
        device = self.directory.find(event.scope_id, event.device_id)
        return {} if device is None else dict(device.tags)
