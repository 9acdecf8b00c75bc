"""What a result says about its command, once parsed."""

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class ParsedResult:
    """
    What a result says. `response`, `error` and `code` are JSON texts.

    `reported` has the properties of the service that the command read.
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
