"""How a device's part of an upgrade follows its steps, and what is told of it.

`steps.follow` hands over to this for the operations of an upgrade. Each change of the
state is one event, and the end is one more, after the last change.
"""

from typing import TYPE_CHECKING

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.event import EventType, UpgradeResultTold, UpgradeStateTold
from pushserver.model.operation import Status
from pushserver.model.state import Turn
from pushserver.model.upgrade import ErrorCode, Part, Phase, UpgradeState, kept

if TYPE_CHECKING:
    from pushserver.model.changes import Changes
    from pushserver.model.command import Command
    from pushserver.model.operation import Operation
    from pushserver.model.reading import Reading


def begin(
    operation: "Operation", part: Part, command: "Command", at: int, changes: "Changes"
) -> None:
    """Let the part come to the state that begins with this hand-out."""
    phase = part.upgrade.phase(command.step or 0)
    if phase is Phase.DOWNLOAD and part.state is UpgradeState.IDLE:
        _enter(operation, part, UpgradeState.DOWNLOADING, at, changes)
    elif phase is Phase.APPLY and part.state is not UpgradeState.UPDATING:
        part.updating_at = at
        _enter(operation, part, UpgradeState.UPDATING, at, changes)
    elif phase is Phase.VERIFY:
        # In memory alone: after a restart the last try may take a little longer.
        left = max(part.upgrade.pause, part.deadline - at)
        command.response_timeout = min(command.response_timeout, left)


def prepare(part: Part, command: "Command") -> None:
    """Have a command that verifies be over by the part's deadline, and tried once."""
    if part.upgrade.phase(command.step or 0) is not Phase.VERIFY:
        return
    now = command.created_at
    lasts = command.expires_at - max(now, command.not_before or 0)
    # What was seen before is noted: this is not the first try.
    command.not_before = now + part.upgrade.pause if part.error else None
    begins = command.not_before or now
    left = max(part.upgrade.pause, part.deadline - begins)
    command.max_attempts = 1
    command.expires_at = begins + min(lasts, left)
    command.response_timeout = min(command.response_timeout, left)


def finish_step(
    operation: "Operation",
    part: Part,
    command: "Command",
    turn: Turn,
    at: int,
    changes: "Changes",
) -> bool:
    """Judge a step that is over; tell whether the operation ends with it."""
    reading = changes.said.get(command.id)
    step = _Step(operation, part, command, turn, at, reading)
    if turn is Turn.SUCCEED and step.phase in (Phase.SOURCE, Phase.VERIFY):
        return step.read_version()
    if operation.canceled:
        return step.fail()
    if turn is not Turn.SUCCEED:
        return step.verify_again() if step.verifies else step.without_success()
    operation.done += 1
    if command.step == part.upgrade.downloads:
        _enter(operation, part, UpgradeState.DOWNLOADED, at, changes)
    return False


def correct(
    operation: "Operation", part: Part, command: "Command", reading: "Reading | None"
) -> bool:
    """
    Take a failure back if the device says now, late, that it has the target version.

    Nothing else that comes late changes a part. Tell whether this did.
    """
    late = not operation.is_running and part.error_code == ErrorCode.TIMEOUT
    version = part.upgrade.version_in(reading)
    verifies = part.upgrade.phase(command.step or 0) is Phase.VERIFY
    if not (late and verifies and version == part.upgrade.target_version):
        return False
    part.current_version = version
    part.blame(None, None)
    operation.failed, operation.done = 0, operation.steps
    return True


def stop(part: Part, why: str, *, late: bool) -> None:
    """Note why an operation is canceled: that is what it ends with, later or now."""
    part.blame(ErrorCode.EXPIRED if late else ErrorCode.CANCELED, why)


def end(operation: "Operation", part: Part, at: int, changes: "Changes") -> None:
    """Tell the end: that the device is idle, if it was not, and the result."""
    if part.state is not UpgradeState.IDLE:
        _enter(operation, part, UpgradeState.IDLE, at, changes)
    begun = at if operation.started_at is None else operation.started_at
    told = UpgradeResultTold(
        task_id=operation.task_id or 0,
        operation_id=operation.id,
        success=operation.status is Status.COMPLETED,
        target_version=part.upgrade.target_version,
        source_version=part.source_version or "",
        current_version=part.current_version or "",
        duration=max(0, at - begun),
        error_code=part.error_code or "",
        error=part.error or "",
    )
    _tell(operation, EventType.UPGRADE_RESULT, at, told, changes)


def _enter(
    operation: "Operation",
    part: Part,
    state: UpgradeState,
    at: int,
    changes: "Changes",
) -> None:
    part.state = state
    told = UpgradeStateTold(operation.task_id or 0, operation.id, state)
    _tell(operation, EventType.UPGRADE_STATE, at, told, changes)


def _tell(
    operation: "Operation",
    kind: EventType,
    at: int,
    told: msgspec.Struct,
    changes: "Changes",
) -> None:
    changes.tell(operation.scope_id, kind, at, told, operation.device_id)


@attrs.frozen
class _Step:
    """A step that is over, to be judged."""

    operation: "Operation"
    part: Part
    command: "Command"
    turn: Turn
    at: int
    reading: "Reading | None"

    @property
    def phase(self) -> Phase:
        return self.part.upgrade.phase(self.command.step or 0)

    @property
    def verifies(self) -> bool:
        return self.phase is Phase.VERIFY

    def fail(self, code: str | None = None, error: str | None = None) -> bool:
        """End the part without success; one that was canceled knows why already."""
        if not self.operation.canceled:
            self.part.blame(code, error)
        self.operation.failed = 1
        return True

    def repeat(self) -> bool:
        """Let the same step be queued again."""
        self.operation.queued -= 1
        return False

    def without_success(self) -> bool:
        """Send the step again, go on to verify, or give the part up."""
        part, operation = self.part, self.operation
        silent = self.turn is Turn.GIVE_UP
        if silent and self.phase is Phase.APPLY:
            part.missing = True
            operation.done = operation.queued = part.upgrade.last
            return False
        if (silent or self.turn is Turn.FAIL) and part.tries < part.upgrade.retries:
            part.tries += 1
            return self.repeat()
        return self.fail(*self.reason())

    def read_version(self) -> bool:
        """Take the version that the device has; in the end, compare it."""
        part, version = self.part, self.part.upgrade.version_in(self.reading)
        if version is not None:
            part.current_version = kept(version)
        if self.verifies and version == part.upgrade.target_version:
            part.blame(None, None)
            self.operation.done += 1
            return True
        if self.operation.canceled:
            return self.fail()
        if self.verifies:
            return self.verify_again()
        part.source_version = part.current_version
        if version is None:
            return self.fail(*self.reason())
        self.operation.done += 1
        return False

    def verify_again(self) -> bool:
        """Try again if there is time; without an answer, or while it may restart."""
        answered = self.turn in (Turn.SUCCEED, Turn.FAIL)
        code, seen = self.reason()
        if self.turn is Turn.CANCEL or (answered and not self.part.missing):
            return self.fail(code, seen)
        if self.at + self.part.upgrade.pause >= self.part.deadline:
            seconds = self.part.upgrade.apply_timeout / SECOND
            return self.fail(
                ErrorCode.TIMEOUT,
                f"The target version was not seen within {seconds:g} s. {seen}",
            )
        self.part.blame(None, seen)
        return self.repeat()

    def reason(self) -> tuple[str, str]:
        """Return why this step is no success: a code, and words."""
        number = (self.command.step or 0) + 1
        name = self.command.resource or self.command.endpoint
        step = f"Step {number} of {self.operation.steps} ({name})"
        match self.turn:
            case Turn.FAIL:
                code, said = _said(self.reading)
                return code, f"{step} failed: {said}"
            case Turn.GIVE_UP:
                return ErrorCode.TIMEOUT, f"{step} was not answered."
            case Turn.EXPIRE:
                return ErrorCode.EXPIRED, f"{step} was not handed out in time."
            case Turn.CANCEL:
                return ErrorCode.CANCELED, f"{step} was canceled."
        return self.wrong_version()

    def wrong_version(self) -> tuple[str, str]:
        """Return that the device has another version, or does not tell it."""
        upgrade = self.part.upgrade
        if upgrade.version_in(self.reading) is None:
            where = upgrade.pointer or "its root"
            return ErrorCode.NO_VERSION, f"The answer has no version at {where}."
        said = f"The version is {self.part.current_version}"
        return ErrorCode.VERSION_MISMATCH, f"{said}, not {upgrade.target_version}."


def _said(reading: "Reading | None") -> tuple[str, str]:
    """Return the code and the error of a device, as texts."""
    if reading is None or reading.error is None:
        return ErrorCode.DEVICE_ERROR, "The device reported an error."
    code = "" if reading.code is None else _text(reading.code)
    return code or ErrorCode.DEVICE_ERROR, _text(reading.error)


def _text(json: bytes) -> str:
    """Return a JSON text for people: strings without their quotes."""
    try:
        value = msgspec.json.decode(json, type=str)
    except msgspec.DecodeError:
        return json.decode(errors="replace")
    return value
