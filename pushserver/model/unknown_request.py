"""What adopted devices sent that is neither a poll nor a result."""

import attrs

from pushserver.clock import SECOND

#: The most unknown requests kept of a device, and the most bytes of each.
MAX_UNKNOWN_REQUESTS = 20
MAX_UNKNOWN_REQUEST_BYTES = 4096
#: How many bytes it takes to keep one besides its path and body.
UNKNOWN_REQUEST_OVERHEAD = 200
#: They are forgotten after this long (microseconds): a setting was corrected, perhaps.
UNKNOWN_REQUEST_RETENTION = 7 * 86_400 * SECOND


@attrs.frozen(kw_only=True)
class UnknownRequest:
    """A request that is neither a poll nor a result of an adopted device."""

    id: int
    device_id: int
    at: int
    method: str
    path: str
    address: str | None
    body: bytes

    @property
    def size(self) -> int:
        """How many bytes it takes, about, in memory and in the store."""
        return len(self.path) + len(self.body) + UNKNOWN_REQUEST_OVERHEAD
