"""How a device's part of an upgrade follows its steps, and what is told of it.

`steps.follow` hands over to this for the operations of an upgrade. Each change of the
state is one event, and the end is one more, after the last change.
"""

from typing import TYPE_CHECKING

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.event import (
    EventPayload,
    EventType,
    UpgradeResultPayload,
    UpgradeStatePayload,
)
from pushserver.model.operation import OperationStatus
from pushserver.model.state import CommandEvent
from pushserver.model.upgrade import (
    DeviceUpgrade,
    DeviceUpgradeState,
    UpgradeErrorCode,
    UpgradePhase,
    truncate,
)

if TYPE_CHECKING:
    from pushserver.model.changes import Changes
    from pushserver.model.command import Command
    from pushserver.model.operation import Operation
    from pushserver.model.parsed_result import ParsedResult


def start_step(
    operation: "Operation",
    device_upgrade: DeviceUpgrade,
    command: "Command",
    at: int,
    changes: "Changes",
) -> None:
    """Let the part come to the state that begins with this hand-out."""
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
        # In memory alone: after a restart the last try may take a little longer.
        time_left = max(
            device_upgrade.upgrade.verify_interval, device_upgrade.deadline - at
        )
        command.response_timeout = min(command.response_timeout, time_left)


def prepare_verify(device_upgrade: DeviceUpgrade, command: "Command") -> None:
    """Have a command that verifies be over by the part's deadline, and tried once."""
    if device_upgrade.upgrade.phase_of(command.step or 0) is not UpgradePhase.VERIFY:
        return
    now = command.created_at
    lasts = command.expires_at - max(now, command.not_before or 0)
    # What was seen before is noted: this is not the first try.
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
    operation: "Operation",
    device_upgrade: DeviceUpgrade,
    command: "Command",
    command_event: CommandEvent,
    at: int,
    changes: "Changes",
) -> bool:
    """Judge a step that is over; tell whether the operation ends with it."""
    parsed_result = changes.parsed_results.get(command.id)
    step = _FinishedStep(
        operation, device_upgrade, command, command_event, at, parsed_result
    )
    if command_event is CommandEvent.SUCCEED and step.phase in (
        UpgradePhase.SOURCE,
        UpgradePhase.VERIFY,
    ):
        return step.check_version()
    if operation.canceled:
        return step.fail()
    if command_event is not CommandEvent.SUCCEED:
        return step.retry_verify() if step.verifies else step.retry_or_fail()
    operation.done_steps += 1
    if command.step == device_upgrade.upgrade.download_steps:
        _change_state(
            operation, device_upgrade, DeviceUpgradeState.DOWNLOADED, at, changes
        )
    return False


def apply_late_version(
    operation: "Operation",
    device_upgrade: DeviceUpgrade,
    command: "Command",
    parsed_result: "ParsedResult | None",
) -> bool:
    """
    Take a failure back if the device says now, late, that it has the target version.

    Nothing else that comes late changes a part. Tell whether this did.
    """
    has_timed_out = (
        not operation.is_running
        and device_upgrade.error_code == UpgradeErrorCode.TIMEOUT
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
    """Note why an operation is canceled: that is what it ends with, later or now."""
    device_upgrade.set_error(
        UpgradeErrorCode.EXPIRED if is_expired else UpgradeErrorCode.CANCELED, reason
    )


def finish_upgrade(
    operation: "Operation", device_upgrade: DeviceUpgrade, at: int, changes: "Changes"
) -> None:
    """Tell the end: that the device is idle, if it was not, and the result."""
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
    operation: "Operation",
    device_upgrade: DeviceUpgrade,
    state: DeviceUpgradeState,
    at: int,
    changes: "Changes",
) -> None:
    device_upgrade.state = state
    payload = UpgradeStatePayload(operation.task_id or 0, operation.id, state)
    _emit(operation, EventType.UPGRADE_STATE, at, payload, changes)


def _emit(
    operation: "Operation",
    event_type: EventType,
    at: int,
    payload: EventPayload,
    changes: "Changes",
) -> None:
    changes.emit(operation.scope_id, event_type, at, payload, operation.device_id)


@attrs.frozen
class _FinishedStep:
    """A step that is over, to be judged."""

    operation: "Operation"
    device_upgrade: DeviceUpgrade
    command: "Command"
    command_event: CommandEvent
    at: int
    parsed_result: "ParsedResult | None"

    @property
    def phase(self) -> UpgradePhase:
        return self.device_upgrade.upgrade.phase_of(self.command.step or 0)

    @property
    def verifies(self) -> bool:
        return self.phase is UpgradePhase.VERIFY

    def fail(self, code: str | None = None, error: str | None = None) -> bool:
        """End the part without success; one that was canceled knows why already."""
        if not self.operation.canceled:
            self.device_upgrade.set_error(code, error)
        self.operation.failed_steps = 1
        return True

    def requeue(self) -> bool:
        """Let the same step be queued again."""
        self.operation.queued_steps -= 1
        return False

    def retry_or_fail(self) -> bool:
        """Send the step again, go on to verify, or give the part up."""
        device_upgrade, operation = self.device_upgrade, self.operation
        is_unanswered = self.command_event is CommandEvent.GIVE_UP
        if is_unanswered and self.phase is UpgradePhase.APPLY:
            device_upgrade.is_apply_unanswered = True
            operation.done_steps = operation.queued_steps = (
                device_upgrade.upgrade.verify_step
            )
            return False
        if (
            is_unanswered or self.command_event is CommandEvent.FAIL
        ) and device_upgrade.retries_used < device_upgrade.upgrade.max_retries:
            device_upgrade.retries_used += 1
            return self.requeue()
        return self.fail(*self.failure_reason())

    def check_version(self) -> bool:
        """Take the version that the device has; in the end, compare it."""
        device_upgrade, version = (
            self.device_upgrade,
            self.device_upgrade.upgrade.parse_version(self.parsed_result),
        )
        if version is not None:
            device_upgrade.current_version = truncate(version)
        if self.verifies and version == device_upgrade.upgrade.target_version:
            device_upgrade.set_error(None, None)
            self.operation.done_steps += 1
            return True
        if self.operation.canceled:
            return self.fail()
        if self.verifies:
            return self.retry_verify()
        device_upgrade.source_version = device_upgrade.current_version
        if version is None:
            return self.fail(*self.failure_reason())
        self.operation.done_steps += 1
        return False

    def retry_verify(self) -> bool:
        """Try again if there is time; without an answer, or while it may restart."""
        answered = self.command_event in (CommandEvent.SUCCEED, CommandEvent.FAIL)
        code, observed = self.failure_reason()
        if self.command_event is CommandEvent.CANCEL or (
            answered and not self.device_upgrade.is_apply_unanswered
        ):
            return self.fail(code, observed)
        if (
            self.at + self.device_upgrade.upgrade.verify_interval
            >= self.device_upgrade.deadline
        ):
            seconds = self.device_upgrade.upgrade.apply_timeout / SECOND
            return self.fail(
                UpgradeErrorCode.TIMEOUT,
                f"The target version was not seen within {seconds:g} s. {observed}",
            )
        self.device_upgrade.set_error(None, observed)
        return self.requeue()

    def failure_reason(self) -> tuple[str, str]:
        """Return why this step is no success: a code, and words."""
        number = (self.command.step or 0) + 1
        name = self.command.resource or self.command.endpoint
        step = f"Step {number} of {self.operation.step_count} ({name})"
        match self.command_event:
            case CommandEvent.FAIL:
                code, error = _device_error(self.parsed_result)
                return code, f"{step} failed: {error}"
            case CommandEvent.GIVE_UP:
                return UpgradeErrorCode.TIMEOUT, f"{step} was not answered."
            case CommandEvent.EXPIRE:
                return UpgradeErrorCode.EXPIRED, f"{step} was not handed out in time."
            case CommandEvent.CANCEL:
                return UpgradeErrorCode.CANCELED, f"{step} was canceled."
        return self.version_failure()

    def version_failure(self) -> tuple[str, str]:
        """Return that the device has another version, or does not tell it."""
        upgrade = self.device_upgrade.upgrade
        if upgrade.parse_version(self.parsed_result) is None:
            where = upgrade.version_pointer or "its root"
            return UpgradeErrorCode.NO_VERSION, f"The answer has no version at {where}."
        found = f"The version is {self.device_upgrade.current_version}"
        return (
            UpgradeErrorCode.VERSION_MISMATCH,
            f"{found}, not {upgrade.target_version}.",
        )


def _device_error(parsed_result: "ParsedResult | None") -> tuple[str, str]:
    """Return the code and the error of a device, as texts."""
    if parsed_result is None or parsed_result.error is None:
        return UpgradeErrorCode.DEVICE_ERROR, "The device reported an error."
    code = "" if parsed_result.code is None else _json_text(parsed_result.code)
    return code or UpgradeErrorCode.DEVICE_ERROR, _json_text(parsed_result.error)


def _json_text(json: bytes) -> str:
    """Return a JSON text for people: strings without their quotes."""
    try:
        value = msgspec.json.decode(json, type=str)
    except msgspec.DecodeError:
        return json.decode(errors="replace")
    return value
