"""What events are about, by their type: what is written and decoded."""

import msgspec

from pushserver.model.actor import ActorPayload
from pushserver.model.state import CommandState


class CommandPayload(msgspec.Struct, omit_defaults=True):
    """A command after a transition. Instants are microseconds UTC."""

    command_id: int
    sequence: int
    state: CommandState
    endpoint: str
    created_at: int
    sent_at: int | None = None
    delivered_at: int | None = None
    finished_at: int | None = None
    operation_id: int | None = None
    result_id: int | None = None
    replaced_by: int | None = None
    created_by: ActorPayload | None = None
    canceled_by: ActorPayload | None = None
    request_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


class OperationPayload(msgspec.Struct, omit_defaults=True):
    """An operation after progress of its steps, or after its end."""

    operation_id: int
    status: str
    progress: int
    resource: str
    task_id: int | None = None
    message: str | None = None
    created_by: ActorPayload | None = None
    canceled_by: ActorPayload | None = None


class TaskPayload(msgspec.Struct, omit_defaults=True):
    """A task that has ended, with its operations by status."""

    task_id: int
    state: str
    completed: int
    failed: int
    stale: int
    name: str | None = None
    created_by: ActorPayload | None = None
    canceled_by: ActorPayload | None = None


class DevicePayload(msgspec.Struct, omit_defaults=True):
    """A device that is online, offline, quarantined, or not the one it claims to be."""

    last_seen_at: int | None = None
    address: str | None = None
    reason: str | None = None
    other_address: str | None = None
    shut_out_address: str | None = None


class ResultPayload(msgspec.Struct, omit_defaults=True):
    """A result that belongs to no delivery."""

    result_id: int
    uuid: str | None = None
    endpoint: str | None = None


class ShadowPayload(msgspec.Struct, omit_defaults=True):
    """
    A service of a device whose desired properties were delivered, or failed.

    `properties` is the JSON object of the desired properties; `error` is the device's
    error as JSON text, or why the write failed.
    """

    service_id: str
    properties: msgspec.Raw
    delivered: bool
    version: int
    command_id: int
    error: str | None = None


class UpgradeStatePayload(msgspec.Struct, omit_defaults=True):
    """A device upgrade that changed its state."""

    task_id: int
    operation_id: int
    state: str


class UpgradeResultPayload(msgspec.Struct, omit_defaults=True):
    """
    How a device upgrade ended; unknown versions are empty.

    `duration` is in microseconds, from the first command. After a success, `error_code`
    and `error` are empty.
    """

    task_id: int
    operation_id: int
    success: bool
    target_version: str
    source_version: str = ""
    current_version: str = ""
    duration: int = 0
    error_code: str = ""
    error: str = ""


#: The data of an event.
EventPayload = (
    CommandPayload
    | OperationPayload
    | TaskPayload
    | DevicePayload
    | ResultPayload
    | ShadowPayload
    | UpgradeStatePayload
    | UpgradeResultPayload
)
