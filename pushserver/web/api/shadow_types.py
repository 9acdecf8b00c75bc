"""The JSON of shadows, as types."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, UnsetType

from pushserver.model.merge_patch import MAX_SERVICES
from pushserver.model.shadow import SyncStatus
from pushserver.web.api.device_types import DisplayName
from pushserver.web.api.task_types import MAX_DEVICES, FailureLimit, TargetsIn
from pushserver.web.api.types import In, Instant, Out, Seconds

#: What is desired of each service; checked by hand, for the pointers.
MergePatchIn = dict[str, Any]
#: For which properties of each service the device is asked, beside those known of.
PropertyKeysIn = Annotated[
    dict[str, Annotated[list[str], Meta(max_length=1000)]],
    Meta(max_length=MAX_SERVICES),
]


class ShadowQuery(In, kw_only=True):
    """How long the commands wait that write what is desired."""

    expires_in: Seconds | None = None
    """After how many seconds the write is given up."""


class ShadowsIn(In, kw_only=True):
    """What is desired of many devices; with `dryRun` only which ones."""

    targets: TargetsIn
    """The devices."""
    desired: MergePatchIn
    """The values to be, by service and property; null takes one away."""
    name: DisplayName | None = None
    """What people call the task."""
    concurrency: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] | None = None
    """How many devices are written to at once; left out, any number."""
    stop_after_failures: FailureLimit | None = None
    """The failures after which it pauses: `5`, or `5%` of the devices."""
    expires_in: Seconds | None = None
    """How many seconds to wait for devices that are away."""
    dry_run: bool = False
    """Whether only to tell which devices it would be."""


class ServiceOut(Out, kw_only=True):
    """One service of a device."""

    desired: dict[str, str | int | float | bool]
    """What its properties should be: texts, numbers, true or false."""
    reported: dict[str, str]
    """What the device said they are."""
    version: int
    """The version of what is desired."""
    desired_at: Instant | None = None
    """When that was changed last."""
    reported_at: Instant | None = None
    """When the device said so last."""
    status: SyncStatus
    """Whether both agree."""
    error: Raw | UnsetType = UNSET
    """Why the last write failed: any JSON."""
    drift: list[str] | None = None
    """The properties that differ although the write was delivered."""
    command_id: str | None = None
    """The command that writes."""


class ShadowOut(Out, kw_only=True):
    """What is desired and known of a device."""

    device_id: str
    """The device."""
    version: int
    """The version of what is desired, of all services."""
    services: dict[str, ServiceOut]
    """Its services, by name."""
