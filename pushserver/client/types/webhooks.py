"""Types of the API: webhooks.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from typing import Any, Literal, NotRequired, TypedDict

from pushserver.client.types.commands import CommandState
from pushserver.client.types.operations import OperationStatus
from pushserver.client.types.tasks import TaskState


class EventActor(TypedDict):
    """The token with which somebody did something."""

    tokenId: str
    """The token's id."""
    name: NotRequired[str]
    """What the token was called then."""


class CommandData(TypedDict):
    """A command after a transition."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    commandId: str
    """The command's id."""
    deviceId: NotRequired[str]
    """The device that it is for."""
    sequence: int
    """The transition's number: later ones of the command have higher ones."""
    state: CommandState
    """The state that the command came into."""
    endpoint: str
    """The device's own command."""
    createdAt: str
    """When it was enqueued."""
    sentAt: NotRequired[str]
    """When it was handed out last."""
    deliveredAt: NotRequired[str]
    """When its last byte was written, the last time."""
    finishedAt: NotRequired[str]
    """When it ended."""
    operationId: NotRequired[str]
    """The operation that it is a step of."""
    replacedBy: NotRequired[str]
    """The command that took its place."""
    createdBy: NotRequired[EventActor]
    """Who enqueued it."""
    canceledBy: NotRequired[EventActor]
    """Who took it back."""
    requestId: NotRequired[str]
    """The `X-Request-Id` of the call that enqueued it."""
    traceId: NotRequired[str]
    """The trace of that call, as W3C Trace Context writes it."""
    metadata: NotRequired[Any]
    """What came with the command: any JSON; for who may read commands."""
    error: NotRequired[Any]
    """The device's error: any JSON."""
    response: NotRequired[Any]
    """What the device answered: any JSON; if the subscription includes `result`."""
    code: NotRequired[Any]
    """The device's code of the error: any JSON; like `response`."""
    refused: NotRequired[bool]
    """Whether the device said no in its response. Left out, it is `false`."""
    unreadable: NotRequired[bool]
    """Whether nobody can tell what the device answered. Left out, it is `false`."""


class CommandStatusEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["command.status"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: CommandData
    """What it happened to."""


class DeviceData(TypedDict):
    """A device that is online, offline, quarantined, or not the one it claims to be."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    deviceId: NotRequired[str]
    """The device."""
    lastSeenAt: NotRequired[str]
    """When it polled last."""
    address: NotRequired[str]
    """From where it polled; for who may read devices."""
    reason: NotRequired[str]
    """What is wrong with it."""
    otherAddress: NotRequired[str]
    """From where somebody else polls as this device; for who may read devices."""
    shutOutAddress: NotRequired[str]
    """The address that gets nothing since then; for who may read devices."""


class DeviceIdentityConflictEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["device.identityConflict"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: DeviceData
    """What it happened to."""


class DeviceIdentityMismatchEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["device.identityMismatch"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: DeviceData
    """What it happened to."""


class DeviceOfflineEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["device.offline"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: DeviceData
    """What it happened to."""


class DeviceOnlineEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["device.online"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: DeviceData
    """What it happened to."""


class DeviceQuarantinedEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["device.quarantined"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: DeviceData
    """What it happened to."""


class OperationData(TypedDict):
    """An operation after progress of its steps, or after its end."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    operationId: str
    """The operation's id."""
    deviceId: NotRequired[str]
    """The device."""
    status: OperationStatus
    """How it stands."""
    progress: int
    """How far it is, in percent."""
    resource: str
    """What this is about: a step, or all of it; empty if one reads no operations."""
    taskId: NotRequired[str]
    """The task that it is a part of."""
    message: NotRequired[str]
    """What was told; for who may read operations."""
    createdBy: NotRequired[EventActor]
    """Who asked for it."""
    canceledBy: NotRequired[EventActor]
    """Who canceled it."""


class OperationFinishedEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["operation.finished"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: OperationData
    """What it happened to."""


class OperationProgressEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["operation.progress"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: OperationData
    """What it happened to."""


class ResultData(TypedDict):
    """A result that belongs to no delivery."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    resultId: str
    """The result's id."""
    deviceId: NotRequired[str]
    """The device that posted it."""
    uuid: NotRequired[str]
    """What the device called the poll that it answers."""
    endpoint: NotRequired[str]
    """What it answers, as the device says."""


class ResultOrphanedEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["result.orphaned"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: ResultData
    """What it happened to."""


class ShadowData(TypedDict):
    """A service whose desired properties were delivered, or failed."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    deviceId: NotRequired[str]
    """The device."""
    serviceId: str
    """The service."""
    properties: dict[str, Any]
    """The desired properties, by name."""
    status: Literal["DELIVERED", "FAILED"]
    """What came of writing them."""
    version: int
    """The version of what is desired."""
    commandId: str
    """The command that wrote them."""
    error: NotRequired[str]
    """The device's error, or why they were not written."""


class ShadowStatusEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["shadow.status"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: ShadowData
    """What it happened to."""


class TaskData(TypedDict):
    """A task that has ended, with its operations by status."""

    taskId: str
    """The task's id."""
    state: TaskState
    """How it ended."""
    completed: int
    """How many of its operations succeeded."""
    failed: int
    """How many failed."""
    stale: int
    """Of how many nobody knows."""
    name: NotRequired[str]
    """What people call it; for who may read operations."""
    createdBy: NotRequired[EventActor]
    """Who asked for it."""
    canceledBy: NotRequired[EventActor]
    """Who canceled it."""


class TaskFinishedEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["task.finished"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: TaskData
    """What it happened to."""


class UpgradeResultData(TypedDict):
    """How a device upgrade ended."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    upgradeId: str
    """The upgrade's id."""
    operationId: str
    """The operation on this device."""
    deviceId: NotRequired[str]
    """The device."""
    result: Literal["FAIL", "SUCCESS"]
    """How it ended."""
    targetVersion: str
    """The version that the device should report."""
    sourceVersion: NotRequired[str]
    """What it reported before. Left out, it is ``."""
    currentVersion: NotRequired[str]
    """What it reported last. Left out, it is ``."""
    duration: float
    """Seconds since the first command."""
    errorCode: NotRequired[str]
    """The error's code. Left out, it is ``."""
    error: NotRequired[str]
    """What went wrong. Left out, it is ``."""


class UpgradeResultEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["upgrade.result"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: UpgradeResultData
    """What it happened to."""


DeviceUpgradeState = Literal["idle", "downloading", "downloaded", "updating"]
"""The state of a device upgrade; IDLE before the download and after the end."""


class UpgradeStateData(TypedDict):
    """A device upgrade that changed its state."""

    deviceName: NotRequired[str]
    """What people call the device; for who may read devices."""
    upgradeId: str
    """The upgrade's id."""
    operationId: str
    """The operation on this device."""
    deviceId: NotRequired[str]
    """The device."""
    state: DeviceUpgradeState
    """Where it is now."""


class UpgradeStateEvent(TypedDict):
    """What is posted."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["upgrade.state"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: UpgradeStateData
    """What it happened to."""


class IotdaTag(TypedDict):
    """A tag of a device."""

    tag_value: str
    """The tag's value."""
    tag_key: str
    """The tag's key."""


class IotdaHeader(TypedDict):
    """Whose command it is; a directly connected device is its own gateway."""

    device_id: str
    """The device."""
    product_id: NotRequired[str]
    """The device's tag `product_id`; for who may read devices."""
    app_id: str
    """The subscription's `appId`."""
    gateway_id: str
    """The device, too."""
    node_id: NotRequired[str]
    """The device's tag `node_id`; for who may read devices."""
    tags: NotRequired[list[IotdaTag]]
    """The first ten of its other tags, by key; for who may read devices."""


class IotdaBody(TypedDict):
    """The command's outcome; a canceled one was never sent, so it is `EXPIRED`."""

    result: NotRequired[dict[str, Any]]
    """What the device answered, as an object."""
    created_time: str
    """When it was enqueued, as `yyyyMMdd'T'HHmmss'Z'`; so are all other times."""
    sent_time: NotRequired[str]
    """When it was handed out last."""
    command_id: str
    """The command's id."""
    delivered_time: NotRequired[str]
    """When its last byte was written."""
    response_time: NotRequired[str]
    """When the device answered."""
    status: CommandState
    """How far it is; never `CANCELED`."""


class IotdaNotifyData(TypedDict):
    """Whose command it is, and what became of it."""

    header: IotdaHeader
    """Whose command it is."""
    body: IotdaBody
    """What became of it."""


class IotdaCommandStatus(TypedDict):
    """A command's status as Huawei's IoTDA pushes it."""

    resource: str
    """`device.command.status`, or the subscription's `resourceName`."""
    event: Literal["update"]
    """Always the same."""
    event_time: str
    """When it happened."""
    event_time_ms: str
    """The same with milliseconds, as `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`."""
    request_id: str
    """A UUID of the event."""
    notify_data: IotdaNotifyData
    """What happened."""


class DeviceDesiredPropertiesModifyStatusChanged(TypedDict):
    """A service whose desired properties were delivered, or failed."""

    notifyType: Literal["deviceDesiredPropertiesModifyStatusChanged"]
    """What this is about."""
    deviceId: str
    """The device."""
    serviceId: str
    """The service."""
    properties: dict[str, Any]
    """The desired properties, by name."""
    status: Literal["DELIVERED", "FAILED"]
    """What came of writing them."""


class SwUpgradeResultNotify(TypedDict):
    """How a device upgrade ended."""

    notifyType: Literal["swUpgradeResultNotify"]
    """What this is about."""
    deviceId: str
    """The device."""
    appId: str
    """The subscription's `appId`."""
    operationId: str
    """The upgrade's id."""
    subOperationId: str
    """The operation on this device."""
    curVersion: str
    """What the device reported last."""
    targetVersion: str
    """The version that it should report."""
    sourceVersion: str
    """What it reported before."""
    swUpgradeResult: Literal["FAIL", "SUCCESS"]
    """How it ended."""
    upgradeTime: int
    """Seconds since the first command."""
    resultDesc: str
    """How it ended, in words."""
    errorCode: str
    """The error's code; empty after a success."""
    description: str
    """What went wrong; empty after a success."""


class SwUpgradeStateChangeNotify(TypedDict):
    """A device upgrade that changed its state."""

    notifyType: Literal["swUpgradeStateChangeNotify"]
    """What this is about."""
    deviceId: str
    """The device."""
    appId: str
    """The subscription's `appId`."""
    operationId: str
    """The upgrade's id."""
    subOperationId: str
    """The operation on this device."""
    swUpgradeState: DeviceUpgradeState
    """Where the device is now."""


class PingData(TypedDict):
    """A ping, which tests a subscription without an event."""

    subscriptionId: str
    """The subscription that is tested."""


class PingEvent(TypedDict):
    """What is posted."""

    type: Literal["ping"]
    """What happened."""
    timestamp: str
    """When it happened."""
    data: PingData
    """What it happened to."""


class MissedEvents(TypedDict):
    """How many events were left out, since their reader was slow."""

    id: NotRequired[str]
    """Where a stream goes on after it; webhooks have it as a header."""
    type: Literal["missed"]
    """That events were left out."""
    missed: NotRequired[int]
    """How many, if that is known."""


StreamEvent = (
    CommandStatusEvent
    | DeviceIdentityConflictEvent
    | DeviceIdentityMismatchEvent
    | DeviceOfflineEvent
    | DeviceOnlineEvent
    | DeviceQuarantinedEvent
    | OperationFinishedEvent
    | OperationProgressEvent
    | ResultOrphanedEvent
    | ShadowStatusEvent
    | TaskFinishedEvent
    | UpgradeResultEvent
    | UpgradeStateEvent
    | MissedEvents
)
"""What a stream sends; `type` says which."""
