"""The JSON of shadows, as types."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, UnsetType

from pushserver.model.shadow import SyncStatus
from pushserver.web.api.device_types import DisplayName
from pushserver.web.api.operation_types import MAX_DEVICES, TargetsIn
from pushserver.web.api.types import In, Instant, Out, Seconds

#: What is desired of each service; checked by hand, for the pointers.
MergePatchIn = dict[str, Any]
#: For which properties of each service the device is asked, beside those known of.
PropertyKeysIn = dict[str, Annotated[list[str], Meta(max_length=1000)]]


class ShadowQuery(In, kw_only=True):
    """How long the commands wait that write what is desired."""

    expires_in: Seconds | None = None


class ShadowsIn(In, kw_only=True):
    """What is desired of many devices; with `dryRun` only who would be hit."""

    targets: TargetsIn
    desired: MergePatchIn
    name: DisplayName | None = None
    concurrency: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] | None = None
    stop_after_failures: int | str | None = None
    expires_in: Seconds | None = None
    dry_run: bool = False


class ServiceOut(Out, kw_only=True):
    """One service of a device."""

    desired: dict[str, str | int | float | bool]
    reported: dict[str, str]
    version: int
    desired_at: Instant | None = None
    reported_at: Instant | None = None
    status: SyncStatus
    error: Raw | UnsetType = UNSET
    drift: list[str] | None = None
    command_id: str | None = None


class ShadowOut(Out, kw_only=True):
    """What is desired and known of a device."""

    device_id: str
    version: int
    services: dict[str, ServiceOut]
