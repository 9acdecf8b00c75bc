"""How a device upgrade follows its steps, and which events it emits.

`operation_steps` calls this for the operations of an upgrade. Each change of the state
emits one event, and the end emits another, after the last change.
"""

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import EventType
from pushserver.model.event_payload import (
    EventPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)
from pushserver.model.finished_upgrade_step import FinishedStep
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandEvent
from pushserver.model.step_failure import FailureCode
from pushserver.model.upgrade import (
    DeviceUpgrade,
    DeviceUpgradeState,
    UpgradePhase,
)


def start_step(
    operation: Operation,
    device_upgrade: DeviceUpgrade,
    command: Command,
    at: int,
    changes: Changes,
) -> None:
    """Move the device upgrade to the state that this hand-out starts."""
    phase = device_upgrade.upgrade.phase_of(command.step or 0)
    if (
        phase is UpgradePhase.DOWNLOAD
        and device_upgrade.state is DeviceUpgradeState.IDLE
    ):
        _change_state(
            operation, device_upgrade, DeviceUpgradeState.DOWNLOADING, at, changes
        )
    elif (
        phase is UpgradePhase.APPLY
        and device_upgrade.state is not DeviceUpgradeState.UPDATING
    ):
        device_upgrade.updating_at = at
        _change_state(
            operation, device_upgrade, DeviceUpgradeState.UPDATING, at, changes
        )
    elif phase is UpgradePhase.VERIFY:
        # Not stored: after a restart the last attempt may take a little longer.
        time_left = max(
            device_upgrade.upgrade.verify_interval, device_upgrade.deadline - at
        )
        command.response_timeout = min(command.response_timeout, time_left)


def prepare_verify(device_upgrade: DeviceUpgrade, command: Command) -> None:
    """Limit a verify command to one attempt that ends by the upgrade's deadline."""
    if device_upgrade.upgrade.phase_of(command.step or 0) is not UpgradePhase.VERIFY:
        return
    now = command.created_at
    lasts = command.expires_at - max(now, command.not_before or 0)
    # An error is recorded, so this is not the first attempt.
    command.not_before = (
        now + device_upgrade.upgrade.verify_interval if device_upgrade.error else None
    )
    starts_at = command.not_before or now
    time_left = max(
        device_upgrade.upgrade.verify_interval, device_upgrade.deadline - starts_at
    )
    command.max_attempts = 1
    command.expires_at = starts_at + min(lasts, time_left)
    command.response_timeout = min(command.response_timeout, time_left)


def finish_step(
    operation: Operation,
    device_upgrade: DeviceUpgrade,
    command: Command,
    command_event: CommandEvent,
    at: int,
    changes: Changes,
) -> bool:
    """Apply the outcome of a step; tell whether the operation ends with it."""
    parsed_result = changes.parsed_results.get(command.id)
    step = FinishedStep(
        operation, device_upgrade, command, command_event, at, parsed_result
    )
    if command_event is CommandEvent.SUCCEED and step.phase in (
        UpgradePhase.SOURCE,
        UpgradePhase.VERIFY,
    ):
        return step.check_version()
    if operation.canceled:
        return step.fail()
    if command.withdrawn and command_event is not CommandEvent.SUCCEED:
        return step.fail(*step.failure_reason())
    if command_event is not CommandEvent.SUCCEED:
        return step.retry_verify() if step.verifies else step.retry_or_fail()
    operation.done_steps += 1
    if command.step == device_upgrade.upgrade.download_steps:
        _change_state(
            operation, device_upgrade, DeviceUpgradeState.DOWNLOADED, at, changes
        )
    return False


def apply_late_version(
    operation: Operation,
    device_upgrade: DeviceUpgrade,
    command: Command,
    parsed_result: ParsedResult | None,
) -> bool:
    """
    Undo a failure if a late result says that the device has the target version.

    Other late results change nothing. Tell whether this one did.
    """
    has_timed_out = (
        not operation.is_running and device_upgrade.error_code == FailureCode.TIMEOUT
    )
    version = device_upgrade.upgrade.parse_version(parsed_result)
    verifies = device_upgrade.upgrade.phase_of(command.step or 0) is UpgradePhase.VERIFY
    if not (
        has_timed_out and verifies and version == device_upgrade.upgrade.target_version
    ):
        return False
    device_upgrade.current_version = version
    device_upgrade.set_error(None, None)
    operation.failed_steps, operation.done_steps = 0, operation.step_count
    return True


def set_cancel_reason(
    device_upgrade: DeviceUpgrade, reason: str, *, is_expired: bool
) -> None:
    """Record why an operation is canceled; it ends with this error."""
    device_upgrade.set_error(
        FailureCode.EXPIRED if is_expired else FailureCode.CANCELED, reason
    )


def finish_upgrade(
    operation: Operation, device_upgrade: DeviceUpgrade, at: int, changes: Changes
) -> None:
    """Record the events of the end: the idle state if it is new, and the result."""
    if device_upgrade.state is not DeviceUpgradeState.IDLE:
        _change_state(operation, device_upgrade, DeviceUpgradeState.IDLE, at, changes)
    started_at = at if operation.started_at is None else operation.started_at
    payload = UpgradeResultPayload(
        task_id=operation.task_id or 0,
        operation_id=operation.id,
        success=operation.status is OperationStatus.COMPLETED,
        target_version=device_upgrade.upgrade.target_version,
        source_version=device_upgrade.source_version or "",
        current_version=device_upgrade.current_version or "",
        duration=max(0, at - started_at),
        error_code=device_upgrade.error_code or "",
        error=device_upgrade.error or "",
    )
    _emit(operation, EventType.UPGRADE_RESULT, at, payload, changes)


def _change_state(
    operation: Operation,
    device_upgrade: DeviceUpgrade,
    state: DeviceUpgradeState,
    at: int,
    changes: Changes,
) -> None:
    device_upgrade.state = state
    payload = UpgradeStatePayload(operation.task_id or 0, operation.id, state)
    _emit(operation, EventType.UPGRADE_STATE, at, payload, changes)


def _emit(
    operation: Operation,
    event_type: EventType,
    at: int,
    payload: EventPayload,
    changes: Changes,
) -> None:
    changes.emit(operation.scope_id, event_type, at, payload, operation.device_id)
