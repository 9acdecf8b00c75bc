"""The JSON of upgrades and their parts, as types."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pushserver.model.operation import MAX_STEPS
from pushserver.model.task import TaskState
from pushserver.model.upgrade import DeviceUpgradeResult
from pushserver.web.api.device_types import DisplayName
from pushserver.web.api.operation_types import (
    MAX_DEVICES,
    OperationCountsOut,
    StepIn,
    TargetsIn,
)
from pushserver.web.api.types import (
    ActorOut,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
    Seconds,
)

Version = Annotated[str, Meta(min_length=1, max_length=200)]
JsonPointer = Annotated[str, Meta(max_length=1000, description="A JSON Pointer.")]
PhaseSteps = Annotated[list[StepIn], Meta(max_length=MAX_STEPS)]
DeviceUpgradeStateName = Literal[
    "waiting", "idle", "downloading", "downloaded", "updating"
]
Retries = Annotated[int, Meta(ge=0, le=10)]


class VerifyIn(In, kw_only=True):
    """What reads the version, and where it is in the response."""

    command: StepIn
    version_pointer: JsonPointer


class PhasesIn(In, kw_only=True):
    """The commands of an upgrade."""

    download: PhaseSteps
    apply: PhaseSteps
    verify: VerifyIn


class PolicyIn(In, kw_only=True):
    """How an upgrade goes, and how long it waits."""

    concurrency: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] | None = None
    stop_after_failures: int | str | None = None
    retries: Retries = 0
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    apply_timeout: Seconds | None = None
    expires_in: Seconds | None = None


class UpgradeIn(In, kw_only=True):
    """An upgrade of many devices; with `dryRun` only who would be hit."""

    targets: TargetsIn
    target_version: Version
    phases: PhasesIn
    policy: PolicyIn = msgspec.field(default_factory=PolicyIn)
    name: DisplayName | None = None
    dry_run: bool = False


class UpgradeStateCountsOut(msgspec.Struct):
    """How many devices are where; `idle` are also those that have ended."""

    waiting: int
    idle: int
    downloading: int
    downloaded: int
    updating: int


class UpgradeResultCountsOut(msgspec.Struct):
    """How many devices ended how."""

    SUCCESS: int
    FAIL: int


class UpgradeFailureOut(Out, kw_only=True):
    """Why the upgrade of one device failed."""

    device_id: str
    sub_operation_id: str
    error_code: str | None = None
    error: str | None = None


class UpgradeOut(Out, kw_only=True):
    """
    An upgrade and how far it is; `done` is the share of its devices, 0 to 1.

    `failures` are shown where one is asked for, the first hundred of them; where there
    are more, `failuresCursor` tells where to go on in the list of its devices.
    """

    id: str
    name: str | None = None
    state: TaskState
    target_version: str
    devices: int
    waiting: int
    counts: OperationCountsOut
    states: UpgradeStateCountsOut
    results: UpgradeResultCountsOut
    done: float
    concurrency: int | None = None
    stop_after_failures: int | str | None = None
    retries: int
    apply_timeout: float
    created_by: ActorOut | None = None
    canceled_by: ActorOut | None = None
    created_at: Instant
    expires_at: Instant
    ended_at: Instant | None = None
    failures: list[UpgradeFailureOut] | msgspec.UnsetType = msgspec.UNSET
    failures_cursor: str | None = None


class UpgradesOut(PageOut[UpgradeOut], kw_only=True):
    """A page of upgrades, newest first."""


class DeviceUpgradeOut(Out, kw_only=True):
    """How far one device is; `waiting` while it has not begun."""

    device_id: str
    sub_operation_id: str
    state: DeviceUpgradeStateName
    result: DeviceUpgradeResult | None = None
    source_version: str | None = None
    current_version: str | None = None
    error_code: str | None = None
    error: str | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None


class DeviceUpgradesOut(PageOut[DeviceUpgradeOut], kw_only=True):
    """A page of an upgrade's devices, in the order in which they were taken up."""


class DeviceUpgradesQuery(In, kw_only=True):
    """Filters of an upgrade's devices."""

    result: DeviceUpgradeResult | None = None
    state: DeviceUpgradeStateName | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None
