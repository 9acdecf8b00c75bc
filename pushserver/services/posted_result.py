"""What a device posted of one command."""

from collections.abc import Callable

import attrs

from pushserver.model.device_access import KeyState
from pushserver.model.parsed_result import LocatedResult, ParsedResult
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.result_reading import read_result


@attrs.frozen(kw_only=True)
class PostedResult:
    """
    What a device of the scope posted of one command, in its protocol.

    `scope_id` is None if the device is not served: it was deleted, or never was there.
    `complete` is False if the end of the body never came: it ends nothing then, for it
    may come again. `rejection` says why the server refused it; as the device would post
    the same again, its command has failed. `only_by_uuid`: its device was deleted while
    it came, so what is in flight now is its successor's. `is_served` tells whether it
    is with other keys than those in memory, and with None, with those there now.
    """

    scope_id: int | None
    device_id: int
    protocol: DeviceProtocol
    uuid: str | None
    endpoint: str | None
    content_type: str | None
    content_encoding: str | None
    complete: bool
    body: bytes
    rejection: str | None = None
    only_by_uuid: bool = False
    is_served: Callable[[KeyState | None], bool] = lambda _keys: True

    @property
    def is_final(self) -> bool:
        """Tell whether it ends its command."""
        return self.complete or self.rejection is not None

    async def read(self) -> LocatedResult:
        """Read what it says, once."""
        if self.rejection is not None:
            rejected = ParsedResult.rejected(self.rejection)
            return LocatedResult.locate(rejected, self.body)
        return await read_result(
            self.protocol, self.body, self.content_encoding, self.device_id
        )
