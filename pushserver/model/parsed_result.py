"""What a device said about a command, once it was read."""

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class ParsedResult:
    """
    What a result says. `response`, `error` and `code` are JSON texts.

    `reported` is what it has of the service for which the device was asked.
    """

    response: bytes | None = None
    error: bytes | None = None
    code: bytes | None = None
    unreadable: bool = False
    reported: Mapping[str, str] | None = None

    @property
    def failed(self) -> bool:
        """Tell whether the device reported an error."""
        return self.error is not None
