"""The JSON of upgrades and their parts, as types."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pushserver.model.operation import MAX_STEPS
from pushserver.model.task import TaskState
from pushserver.model.upgrade import DeviceUpgradeResult
from pushserver.web.api.device_types import DisplayName
from pushserver.web.api.operation_types import StepIn
from pushserver.web.api.task_types import (
    MAX_DEVICES,
    DeviceFailureOut,
    FailureLimit,
    OperationCountsOut,
    TargetsIn,
)
from pushserver.web.api.types import (
    ActorOut,
    Cursor,
    In,
    Instant,
    Limit,
    Out,
    PageOut,
    Seconds,
)

Version = Annotated[str, Meta(min_length=1, max_length=200)]
_JSON_POINTER = "^(/([^~/]|~[01])*)*$"
JsonPointer = Annotated[
    str,
    Meta(
        max_length=1000,
        description="A JSON Pointer.",
        # Not checked as a pattern: whoever gets it wrong is told what it is.
        extra_json_schema={"pattern": _JSON_POINTER},
    ),
]
#: What reads the version, before and after, are two of the steps.
MAX_PHASE_STEPS = MAX_STEPS - 2
#: The other phase has at least one command, too.
PhaseSteps = Annotated[list[StepIn], Meta(min_length=1, max_length=MAX_PHASE_STEPS - 1)]
DeviceUpgradeStateName = Annotated[
    Literal["waiting", "idle", "downloading", "downloaded", "updating"],
    Meta(
        title="DeviceUpgradeStage",
        description="Where a device upgrade is; `waiting` before it begins.",
    ),
]
Retries = Annotated[int, Meta(ge=0, le=10)]


class VerifyIn(In, kw_only=True):
    """What reads the version, and where it is in the response."""

    command: StepIn
    """The command that reads the version."""
    version_pointer: JsonPointer
    """Where the version is in its response: a JSON Pointer."""


class PhasesIn(In, kw_only=True):
    """The commands of an upgrade."""

    download: PhaseSteps
    """The commands that bring the new version to the device."""
    apply: PhaseSteps
    """The commands that put it to use."""
    verify: VerifyIn
    """How the version is read afterwards."""


class PolicyIn(In, kw_only=True):
    """How an upgrade goes, and how long it waits."""

    concurrency: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] | None = None
    """How many devices work at once; left out, any number."""
    stop_after_failures: FailureLimit | None = None
    """The failures after which it pauses: `5`, or `5%` of the devices."""
    retries: Retries = 0
    """How often in all a failed step is sent again to one device."""
    not_before: Annotated[datetime, Meta(tz=True)] | None = None
    """No device begins before this instant."""
    apply_timeout: Seconds | None = None
    """How many seconds a device has to come back with the new version."""
    expires_in: Seconds | None = None
    """How many seconds to wait for devices that are away."""


class UpgradeIn(In, kw_only=True):
    """An upgrade of many devices; with `dryRun` only which ones."""

    targets: TargetsIn
    """The devices."""
    target_version: Version
    """What each device must report in the end, to the letter."""
    phases: PhasesIn
    """The commands."""
    policy: PolicyIn = msgspec.field(default_factory=PolicyIn)
    """How it goes, and how long it waits."""
    name: DisplayName | None = None
    """What people call it."""
    dry_run: bool = False
    """Whether only to tell which devices it would be."""


class UpgradeStateCountsOut(msgspec.Struct):
    """How many devices are in each state; `idle` counts also those that have ended."""

    waiting: int
    """Those that have not begun."""
    idle: int
    """Those that are between phases, or have ended."""
    downloading: int
    """Those that get the new version."""
    downloaded: int
    """Those that have it."""
    updating: int
    """Those that put it to use."""


class UpgradeResultCountsOut(msgspec.Struct):
    """How many devices ended with each result."""

    SUCCESS: int
    """Those that report the target version."""
    FAIL: int
    """Those that do not."""


class UpgradeOut(Out, kw_only=True):
    """
    An upgrade and how far it is; `done` is the share of its devices, 0 to 1.

    `failures` are shown where one is asked for, the first hundred of them; where there
    are more, `failuresCursor` tells where to go on in the list of its devices.
    """

    id: str
    """The upgrade's id."""
    name: str | None = None
    """What people call it."""
    state: TaskState
    """Whether it goes on."""
    target_version: str
    """What each device must report in the end."""
    devices: int
    """How many devices it is for."""
    waiting: int
    """How many have not begun."""
    counts: OperationCountsOut
    """How many of its operations stand how."""
    states: UpgradeStateCountsOut
    """How many devices are where."""
    results: UpgradeResultCountsOut
    """How many devices ended with each result."""
    done: float
    """The share of its devices that have ended."""
    concurrency: int | None = None
    """How many devices work at once."""
    stop_after_failures: int | str | None = None
    """The failures after which it pauses: a number, or `5%`."""
    retries: int
    """How often in all a failed step is sent again to one device."""
    apply_timeout: float
    """How many seconds a device has to come back with the new version."""
    created_by: ActorOut | None = None
    """Who asked for it."""
    canceled_by: ActorOut | None = None
    """Who canceled it."""
    created_at: Instant
    """When it was asked for."""
    expires_at: Instant
    """When devices that were away are given up."""
    ended_at: Instant | None = None
    """When it ended."""
    failures: list[DeviceFailureOut] | msgspec.UnsetType = msgspec.UNSET
    """The first hundred failures; where one upgrade is shown."""
    failures_cursor: str | None = None
    """Where the list of its failed devices goes on, if there are more."""


class UpgradesOut(PageOut[UpgradeOut], kw_only=True):
    """A page of upgrades, newest first."""


class DeviceUpgradeOut(Out, kw_only=True):
    """How far one device is; `waiting` while it has not begun."""

    device_id: str
    """The device."""
    sub_operation_id: str
    """Its operation."""
    state: DeviceUpgradeStateName
    """Where it is."""
    result: DeviceUpgradeResult | None = None
    """How it ended."""
    source_version: str | None = None
    """What it reported before."""
    current_version: str | None = None
    """What it reported last."""
    error_code: str | None = None
    """The error's code."""
    error: str | None = None
    """What went wrong; for tokens that may read results."""
    started_at: Instant | None = None
    """When it began."""
    ended_at: Instant | None = None
    """When it ended."""


class DeviceUpgradesOut(PageOut[DeviceUpgradeOut], kw_only=True):
    """A page of an upgrade's devices, in the order in which they were taken up."""


class DeviceUpgradesQuery(In, kw_only=True):
    """Filters of an upgrade's devices."""

    result: DeviceUpgradeResult | None = None
    """Those that ended so."""
    state: DeviceUpgradeStateName | None = None
    """Those that are there."""
    limit: Limit = 50
    cursor: Cursor | None = None
