"""Types of the API: results.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from typing import Any, NotRequired, TypedDict

from pushserver.client.types.commands import MatchedBy


class Result(TypedDict):
    """What a device posted, as `/results` lists it."""

    id: str
    """The result's id."""
    deviceId: str
    """The device that posted it."""
    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    commandId: NotRequired[str]
    """The command that it belongs to; an orphan has none."""
    uuid: NotRequired[str]
    """What the device called the poll that it answers."""
    endpoint: NotRequired[str]
    """The command's endpoint; of an orphan, as the device says."""
    metadata: NotRequired[Any]
    """What came with the command: any JSON; for who may read commands."""
    receivedAt: str
    """When it came."""
    response: NotRequired[Any]
    """What the device answered: any JSON."""
    error: NotRequired[Any]
    """The device's error: any JSON."""
    code: NotRequired[Any]
    """The device's code of the error: any JSON."""
    refused: NotRequired[bool]
    """Whether the device said no in its response. Left out, it is `false`."""
    unreadable: NotRequired[bool]
    """Whether nobody can tell what it says. Left out, it is `false`."""
    incomplete: NotRequired[bool]
    """Whether its body was cut off. Left out, it is `false`."""
    rejected: NotRequired[bool]
    """Whether it was over the limit and was not kept. Left out, it is `false`."""
    bodyDeletedAt: NotRequired[str]
    """When what the device answered was deleted."""
    matchedBy: NotRequired[MatchedBy]
    """How it was found out to belong to its command."""
    orphan: bool
    """Whether it belongs to no command."""


class Results(TypedDict):
    """Results in the order they came; `nextCursor` is there on an empty page, too."""

    items: list[Result]
    """The results."""
    nextCursor: str
    """Where to go on, now or later."""


class ListResultsQuery(TypedDict):
    """The query of `listResults`."""

    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """Those after this one; `0`: from the first on. Left out, it is `0`."""
    deviceId: NotRequired[str | None]
    """Those of this device."""
    orphan: NotRequired[bool | None]
    """Whether they belong to no command."""
