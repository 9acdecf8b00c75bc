"""The outcome of an upgrade step: go on, repeat the step, or end the operation."""

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.command import Command
from pushserver.model.operation import Operation
from pushserver.model.parsed_result import MAX_SEARCHED, ParsedResult
from pushserver.model.state import CommandEvent
from pushserver.model.upgrade import (
    DeviceUpgrade,
    UpgradeErrorCode,
    UpgradePhase,
    truncate,
)


@attrs.frozen
class FinishedStep:
    """A step that has ended; methods return whether the operation ends with it."""

    operation: Operation
    device_upgrade: DeviceUpgrade
    command: Command
    command_event: CommandEvent
    at: int
    parsed_result: ParsedResult | None

    @property
    def phase(self) -> UpgradePhase:
        """The phase that the step belongs to."""
        return self.device_upgrade.upgrade.phase_of(self.command.step or 0)

    @property
    def verifies(self) -> bool:
        """Tell whether the step reads the version after the upgrade."""
        return self.phase is UpgradePhase.VERIFY

    def fail(self, code: str | None = None, error: str | None = None) -> bool:
        """Fail the device upgrade; a canceled one keeps its error."""
        if not self.operation.canceled:
            self.device_upgrade.set_error(code, error)
        self.operation.failed_steps = 1
        return True

    def requeue(self) -> bool:
        """Queue the same step again."""
        self.operation.queued_steps -= 1
        return False

    def retry_or_fail(self) -> bool:
        """Retry the step, go on to verify, or fail."""
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
        """Store the version that the device reports; when verifying, compare it."""
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
        """Repeat the verify step while there is time and the device may restart."""
        answered = self.command_event in (CommandEvent.SUCCEED, CommandEvent.FAIL)
        code, observed = self.failure_reason()
        is_over = answered and not self.device_upgrade.is_apply_unanswered
        is_taken_back = self.command.withdrawn
        if self.command_event is CommandEvent.CANCEL or is_taken_back or is_over:
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
        """Return why this step failed: a code and a message."""
        number = (self.command.step or 0) + 1
        name = self.command.resource or self.command.endpoint
        step = f"Step {number} of {self.operation.step_count} ({name})"
        match self.command_event:
            case CommandEvent.FAIL:
                code, error = _device_error(self.parsed_result)
                return code, f"{step} failed: {error}"
            case CommandEvent.GIVE_UP if self.command.withdrawn:
                return UpgradeErrorCode.CANCELED, f"{step} was taken back."
            case CommandEvent.GIVE_UP:
                return UpgradeErrorCode.TIMEOUT, f"{step} {self._missing_answer}"
            case CommandEvent.EXPIRE:
                return UpgradeErrorCode.EXPIRED, f"{step} was not handed out in time."
            case CommandEvent.CANCEL:
                return UpgradeErrorCode.CANCELED, f"{step} was canceled."
        return self.version_failure()

    @property
    def _missing_answer(self) -> str:
        is_unreadable = self.parsed_result is not None and self.parsed_result.unreadable
        return (
            "has an answer that cannot be read."
            if is_unreadable
            else "was not answered."
        )

    def version_failure(self) -> tuple[str, str]:
        """Return the error of a wrong or missing version."""
        upgrade = self.device_upgrade.upgrade
        if upgrade.parse_version(self.parsed_result) is None:
            where = upgrade.version_pointer or "its root"
            return UpgradeErrorCode.NO_VERSION, f"The answer has no version at {where}."
        found = f"The version is {self.device_upgrade.current_version}"
        return (
            UpgradeErrorCode.VERSION_MISMATCH,
            f"{found}, not {upgrade.target_version}.",
        )


def _device_error(parsed_result: ParsedResult | None) -> tuple[str, str]:
    """Return the code and the error that a device reported, as text."""
    if parsed_result is None or parsed_result.error is None:
        return UpgradeErrorCode.DEVICE_ERROR, "The device reported an error."
    code = "" if parsed_result.code is None else _json_text(parsed_result.code)
    return code or UpgradeErrorCode.DEVICE_ERROR, _json_text(parsed_result.error)


def _json_text(json: bytes) -> str:
    """Return JSON text for people: strings without quotes, long ones cut off."""
    if len(json) > MAX_SEARCHED:
        return json[:MAX_SEARCHED].decode(errors="replace")
    try:
        value = msgspec.json.decode(json, type=str)
    except msgspec.DecodeError:
        return json.decode(errors="replace")
    return value
