"""The outcome of an upgrade step: go on, repeat the step, or end the operation."""

import attrs

from pushserver.clock import SECOND
from pushserver.model.command import Command
from pushserver.model.operation import Operation
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandEvent
from pushserver.model.step_failure import FailureCode, describe_failure
from pushserver.model.upgrade import (
    DeviceUpgrade,
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
                FailureCode.TIMEOUT,
                f"The target version was not seen within {seconds:g} s. {observed}",
            )
        self.device_upgrade.set_error(None, observed)
        return self.requeue()

    def failure_reason(self) -> tuple[str, str]:
        """Return why this step failed: a code and a message."""
        return (
            describe_failure(
                self.command, self.operation.step_count, self.parsed_result
            )
            or self.version_failure()
        )

    def version_failure(self) -> tuple[str, str]:
        """Return the error of a wrong or missing version."""
        upgrade = self.device_upgrade.upgrade
        if upgrade.parse_version(self.parsed_result) is None:
            where = upgrade.version_pointer or "its root"
            return FailureCode.NO_VERSION, f"The answer has no version at {where}."
        found = f"The version is {self.device_upgrade.current_version}"
        return (
            FailureCode.VERSION_MISMATCH,
            f"{found}, not {upgrade.target_version}.",
        )
