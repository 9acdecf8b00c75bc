"""Types of the API: shadows.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from pushserver.client.types.devices import TargetsInput

SyncStatus = Literal["inSync", "pending", "delivered", "failed"]
"""Whether desired and reported agree; `Service.sync_status` has the rule."""


class Service(TypedDict):
    """One service of a device."""

    desired: dict[str, Any]
    """What its properties should be: texts, numbers, true or false."""
    reported: dict[str, str]
    """What the device said they are."""
    version: int
    """The version of what is desired."""
    desiredAt: NotRequired[str]
    """When that was changed last."""
    reportedAt: NotRequired[str]
    """When the device said so last."""
    status: SyncStatus
    """Whether both agree."""
    error: NotRequired[Any]
    """Why the last write failed: any JSON."""
    drift: NotRequired[list[str]]
    """The properties that differ although the write was delivered."""
    commandId: NotRequired[str]
    """The command that writes."""


class Shadow(TypedDict):
    """What is desired and known of a device."""

    deviceId: str
    """The device."""
    version: int
    """The version of what is desired, of all services."""
    services: dict[str, Service]
    """Its services, by name."""


class ShadowsOptions(TypedDict):
    """The fields of `ShadowsInput` that are no arguments."""

    name: NotRequired[str]
    """What people call the task."""
    concurrency: NotRequired[int]
    """How many devices are written to at once; left out, any number."""
    stopAfterFailures: NotRequired[str]
    """The failures after which it pauses: `5`, or `5%` of the devices."""
    expiresIn: NotRequired[float]
    """How many seconds to wait for devices that are away."""


class ShadowsInput(ShadowsOptions):
    """What is desired of many devices; with `dryRun` only which ones."""

    targets: TargetsInput
    """The devices."""
    desired: Mapping[str, Any]
    """The values to be, by service and property; null takes one away."""
    dryRun: NotRequired[bool]
    """Whether only to tell which devices it would be. Left out, it is `false`."""
