"""Types of the API: upgrades.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

from pushserver.client.types.commands import Actor
from pushserver.client.types.devices import TargetsInput
from pushserver.client.types.operations import StepInput
from pushserver.client.types.tasks import DeviceFailure, OperationCounts, TaskState


class VerifyInput(TypedDict):
    """What reads the version, and where it is in the response."""

    command: StepInput
    """The command that reads the version."""
    versionPointer: str
    """Where the version is in its response: a JSON Pointer."""


class PhasesInput(TypedDict):
    """The commands of an upgrade."""

    download: Sequence[StepInput]
    """The commands that bring the new version to the device."""
    apply: Sequence[StepInput]
    """The commands that put it to use."""
    verify: VerifyInput
    """How the version is read afterwards."""


class PolicyInput(TypedDict):
    """How an upgrade goes, and how long it waits."""

    concurrency: NotRequired[int]
    """How many devices work at once; left out, any number."""
    stopAfterFailures: NotRequired[str]
    """The failures after which it pauses: `5`, or `5%` of the devices."""
    retries: NotRequired[int]
    """
    How often in all a failed step is sent again to one device. Left out, it is `0`.
    """
    notBefore: NotRequired[str]
    """No device begins before this instant."""
    applyTimeout: NotRequired[float]
    """How many seconds a device has to come back with the new version."""
    expiresIn: NotRequired[float]
    """How many seconds to wait for devices that are away."""


class UpgradeOptions(TypedDict):
    """The fields of `UpgradeInput` that are no arguments."""

    policy: NotRequired[PolicyInput]
    """How it goes, and how long it waits."""
    name: NotRequired[str]
    """What people call it."""


class UpgradeInput(UpgradeOptions):
    """An upgrade of many devices; with `dryRun` only which ones."""

    targets: TargetsInput
    """The devices."""
    targetVersion: str
    """What each device must report in the end, to the letter."""
    phases: PhasesInput
    """The commands."""
    dryRun: NotRequired[bool]
    """Whether only to tell which devices it would be. Left out, it is `false`."""


class UpgradeStateCounts(TypedDict):
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


class UpgradeResultCounts(TypedDict):
    """How many devices ended with each result."""

    SUCCESS: int
    """Those that report the target version."""
    FAIL: int
    """Those that do not."""


class Upgrade(TypedDict):
    """
    An upgrade and how far it is; `done` is the share of its devices, 0 to 1. `failures`
    are shown where one is asked for, the first hundred of them; where there are more,
    `failuresCursor` tells where to go on in the list of its devices.
    """

    id: str
    """The upgrade's id."""
    name: NotRequired[str]
    """What people call it."""
    state: TaskState
    """Whether it goes on."""
    targetVersion: str
    """What each device must report in the end."""
    devices: int
    """How many devices it is for."""
    waiting: int
    """How many have not begun."""
    counts: OperationCounts
    """How many of its operations stand how."""
    states: UpgradeStateCounts
    """How many devices are where."""
    results: UpgradeResultCounts
    """How many devices ended with each result."""
    done: float
    """The share of its devices that have ended."""
    concurrency: NotRequired[int]
    """How many devices work at once."""
    stopAfterFailures: NotRequired[Any]
    """The failures after which it pauses: a number, or `5%`."""
    retries: int
    """How often in all a failed step is sent again to one device."""
    applyTimeout: float
    """How many seconds a device has to come back with the new version."""
    createdBy: NotRequired[Actor]
    """Who asked for it."""
    canceledBy: NotRequired[Actor]
    """Who canceled it."""
    createdAt: str
    """When it was asked for."""
    expiresAt: str
    """When devices that were away are given up."""
    endedAt: NotRequired[str]
    """When it ended."""
    failures: NotRequired[list[DeviceFailure]]
    """The first hundred failures; where one upgrade is shown."""
    failuresCursor: NotRequired[str]
    """Where the list of its failed devices goes on, if there are more."""


class Upgrades(TypedDict):
    """A page of upgrades, newest first."""

    items: list[Upgrade]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListUpgradesQuery(TypedDict):
    """The query of `listUpgrades`."""

    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""
    state: NotRequired[
        Literal["CANCELED", "COMPLETED", "PAUSED", "RUNNING"]
        | Sequence[Literal["CANCELED", "COMPLETED", "PAUSED", "RUNNING"]]
        | None
    ]
    """Those in one of these states."""
    name: NotRequired[str | None]
    """Those that are called just this."""
    createdBy: NotRequired[str | None]
    """What was made with the token that has this id."""


DeviceUpgradeResult = Literal["SUCCESS", "FAIL"]
"""The result of a device upgrade."""
DeviceUpgradeStage = Literal["downloaded", "downloading", "idle", "updating", "waiting"]
"""Where a device upgrade is; `waiting` before it begins."""


class DeviceUpgrade(TypedDict):
    """How far one device is; `waiting` while it has not begun."""

    deviceId: str
    """The device."""
    subOperationId: str
    """Its operation."""
    state: DeviceUpgradeStage
    """Where it is."""
    result: NotRequired[DeviceUpgradeResult]
    """How it ended."""
    sourceVersion: NotRequired[str]
    """What it reported before."""
    currentVersion: NotRequired[str]
    """What it reported last."""
    errorCode: NotRequired[str]
    """The error's code."""
    error: NotRequired[str]
    """What went wrong; for tokens that may read results."""
    startedAt: NotRequired[str]
    """When it began."""
    endedAt: NotRequired[str]
    """When it ended."""


class DeviceUpgrades(TypedDict):
    """A page of an upgrade's devices, in the order in which they were taken up."""

    items: list[DeviceUpgrade]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListDevicesOfUpgradeQuery(TypedDict):
    """The query of `listDevicesOfUpgrade`."""

    result: NotRequired[DeviceUpgradeResult | None]
    """Those that ended so."""
    state: NotRequired[DeviceUpgradeStage | None]
    """Those that are there."""
    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""
