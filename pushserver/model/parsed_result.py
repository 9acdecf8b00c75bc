"""What a result says about its command, once parsed."""

from collections.abc import Mapping
from typing import Self

import attrs
import msgspec

from pushserver.model.state import CommandEvent


@attrs.frozen(kw_only=True)
class ParsedResult:
    """
    What a result says. `response`, `error` and `code` are JSON texts.

    `refused`: it is a response, and in it the device says no; `error` is where it does.
    `unreadable`: nobody knows what it says. `reported` has the properties of the
    service that the command read.
    """

    response: bytes | None = None
    error: bytes | None = None
    code: bytes | None = None
    refused: bool = False
    unreadable: bool = False
    reported: Mapping[str, str] | None = None

    @classmethod
    def rejected(cls, reason: str) -> Self:
        """Return what a result counts as that the server refused."""
        return cls(error=msgspec.json.encode(reason))

    @property
    def failed(self) -> bool:
        """Tell whether the device reported an error, or refused."""
        return self.error is not None

    @property
    def command_event(self) -> CommandEvent:
        """What it does to its command."""
        if self.unreadable:
            return CommandEvent.GIVE_UP
        return CommandEvent.FAIL if self.failed else CommandEvent.SUCCEED
