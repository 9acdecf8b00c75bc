"""The data of each event in the server's own form, as types."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from pushserver.dialects.wire_types import InstantText, RawObject
from pushserver.model.operation import OperationStatus
from pushserver.model.state import CommandState
from pushserver.model.task import TaskState
from pushserver.model.upgrade import DeviceUpgradeState


class EventData(msgspec.Struct, rename="camel", omit_defaults=True):
    """Base of everything that applications receive."""


class EventActor(EventData):
    """The token with which somebody did something."""

    token_id: str
    """The token's id."""
    name: str | None = None
    """What the token was called then."""


class DeviceEventData(EventData, kw_only=True):
    """Base of what is about a device."""

    device_name: str | None = None
    """What people call the device; for who may read devices."""


class CommandData(DeviceEventData, kw_only=True):
    """A command after a transition."""

    command_id: str
    """The command's id."""
    device_id: str | None = None
    """The device that it is for."""
    sequence: int
    """The transition's number: later ones of the command have higher ones."""
    state: CommandState
    """The state that the command came into."""
    endpoint: str
    """The device's own command."""
    created_at: InstantText
    """When it was enqueued."""
    sent_at: InstantText | None = None
    """When it was handed out last."""
    delivered_at: InstantText | None = None
    """When its last byte was written, the last time."""
    finished_at: InstantText | None = None
    """When it ended."""
    operation_id: str | None = None
    """The operation that it is a step of."""
    replaced_by: str | None = None
    """The command that took its place."""
    created_by: EventActor | None = None
    """Who enqueued it."""
    canceled_by: EventActor | None = None
    """Who took it back."""
    request_id: str | None = None
    """The `X-Request-Id` of the call that enqueued it."""
    trace_id: str | None = None
    """The trace of that call, as W3C Trace Context writes it."""
    metadata: Raw | UnsetType = UNSET
    """What came with the command: any JSON; for who may read commands."""
    error: Raw | UnsetType = UNSET
    """The device's error: any JSON."""
    response: Raw | UnsetType = UNSET
    """What the device answered: any JSON; if the subscription includes `result`."""
    code: Raw | UnsetType = UNSET
    """The device's code of the error: any JSON; like `response`."""
    refused: bool = False
    """Whether the device said no in its response."""
    unreadable: bool = False
    """Whether nobody can tell what the device answered."""


class OperationData(DeviceEventData, kw_only=True):
    """An operation after progress of its steps, or after its end."""

    operation_id: str
    """The operation's id."""
    device_id: str | None = None
    """The device."""
    status: OperationStatus
    """How it stands."""
    progress: int
    """How far it is, in percent."""
    resource: str
    """What this is about: a step, or all of it; empty if one reads no operations."""
    task_id: str | None = None
    """The task that it is a part of."""
    message: str | None = None
    """What was told; for who may read operations."""
    created_by: EventActor | None = None
    """Who asked for it."""
    canceled_by: EventActor | None = None
    """Who canceled it."""


class TaskData(EventData, kw_only=True):
    """A task that has ended, with its operations by status."""

    task_id: str
    """The task's id."""
    state: TaskState
    """How it ended."""
    completed: int
    """How many of its operations succeeded."""
    failed: int
    """How many failed."""
    stale: int
    """Of how many nobody knows."""
    name: str | None = None
    """What people call it; for who may read operations."""
    created_by: EventActor | None = None
    """Who asked for it."""
    canceled_by: EventActor | None = None
    """Who canceled it."""


class DeviceData(DeviceEventData, kw_only=True):
    """A device that is online, offline, quarantined, or not the one it claims to be."""

    device_id: str | None = None
    """The device."""
    last_seen_at: InstantText | None = None
    """When it polled last."""
    address: str | None = None
    """From where it polled; for who may read devices."""
    reason: str | None = None
    """What is wrong with it."""
    other_address: str | None = None
    """From where somebody else polls as this device; for who may read devices."""
    shut_out_address: str | None = None
    """The address that gets nothing since then; for who may read devices."""


class ResultData(DeviceEventData, kw_only=True):
    """A result that belongs to no delivery."""

    result_id: str
    """The result's id."""
    device_id: str | None = None
    """The device that posted it."""
    uuid: str | None = None
    """What the device called the poll that it answers."""
    endpoint: str | None = None
    """What it answers, as the device says."""


class ShadowData(DeviceEventData, kw_only=True):
    """A service whose desired properties were delivered, or failed."""

    device_id: str | None = None
    """The device."""
    service_id: str
    """The service."""
    properties: RawObject
    """The desired properties, by name."""
    status: Literal["DELIVERED", "FAILED"]
    """What came of writing them."""
    version: int
    """The version of what is desired."""
    command_id: str
    """The command that wrote them."""
    error: str | None = None
    """The device's error, or why they were not written."""


class UpgradeStateData(DeviceEventData, kw_only=True):
    """A device upgrade that changed its state."""

    upgrade_id: str
    """The upgrade's id."""
    operation_id: str
    """The operation on this device."""
    device_id: str | None = None
    """The device."""
    state: DeviceUpgradeState
    """Where it is now."""


class UpgradeResultData(DeviceEventData, kw_only=True):
    """How a device upgrade ended."""

    upgrade_id: str
    """The upgrade's id."""
    operation_id: str
    """The operation on this device."""
    device_id: str | None = None
    """The device."""
    result: Literal["SUCCESS", "FAIL"]
    """How it ended."""
    target_version: str
    """The version that the device should report."""
    source_version: str = ""
    """What it reported before."""
    current_version: str = ""
    """What it reported last."""
    duration: float
    """Seconds since the first command."""
    error_code: str = ""
    """The error's code."""
    error: str = ""
    """What went wrong."""


class PingData(EventData, kw_only=True):
    """A ping, which tests a subscription without an event."""

    subscription_id: str
    """The subscription that is tested."""


class Envelope(EventData, kw_only=True):
    """What is posted."""

    type: str
    """What happened."""
    timestamp: InstantText
    """When it happened."""
    data: Annotated[EventData, Meta(extra_json_schema={"type": "object"})]
    """What it happened to."""
