"""What a device said about a command, once it was read."""

import attrs


@attrs.frozen(kw_only=True)
class Reading:
    """What a result says. `response`, `error` and `code` are JSON texts."""

    response: bytes | None = None
    error: bytes | None = None
    code: bytes | None = None
    unreadable: bool = False

    @property
    def failed(self) -> bool:
        """Tell whether the device reported an error."""
        return self.error is not None
