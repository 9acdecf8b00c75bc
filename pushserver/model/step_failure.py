"""Why a step did not succeed, in a code for programs and in words for people."""

import enum

import msgspec

from pushserver.model.command import Command
from pushserver.model.parsed_result import MAX_SEARCHED, ParsedResult
from pushserver.model.state import CommandState


class FailureCode(enum.StrEnum):
    """Why a device of a task or an upgrade failed, if it reported no code itself."""

    DEVICE_ERROR = "DEVICE_ERROR"
    EXPIRED = "EXPIRED"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"
    NO_VERSION = "NO_VERSION"
    VERSION_MISMATCH = "VERSION_MISMATCH"


def describe_failure(
    command: Command, step_count: int, parsed_result: ParsedResult | None
) -> tuple[str, str] | None:
    """
    Return why the *command* of a step failed: a code and a message.

    None if it did not. *parsed_result* is what its device answered, if that is known.
    """
    name = command.resource or command.endpoint
    step = f"Step {(command.step or 0) + 1} of {step_count} ({name})"
    match command.state:
        case CommandState.FAILED:
            code, error = _device_error(parsed_result)
            return code, f"{step} failed: {error}"
        case CommandState.TIMEOUT if command.withdrawn:
            return FailureCode.CANCELED, f"{step} was taken back."
        case CommandState.TIMEOUT:
            return FailureCode.TIMEOUT, f"{step} {_missing_answer(parsed_result)}"
        case CommandState.EXPIRED:
            return FailureCode.EXPIRED, f"{step} was not handed out in time."
        case CommandState.CANCELED:
            return FailureCode.CANCELED, f"{step} was canceled."
    return None


def _missing_answer(parsed_result: ParsedResult | None) -> str:
    is_unreadable = parsed_result is not None and parsed_result.unreadable
    return (
        "has an answer that cannot be read." if is_unreadable else "was not answered."
    )


def _device_error(parsed_result: ParsedResult | None) -> tuple[str, str]:
    """Return the code and the error that a device reported, as text."""
    if parsed_result is None or parsed_result.error is None:
        return FailureCode.DEVICE_ERROR, "The device reported an error."
    code = "" if parsed_result.code is None else json_text(parsed_result.code)
    return code or FailureCode.DEVICE_ERROR, json_text(parsed_result.error)


def json_text(json: bytes) -> str:
    """Return JSON text for people: strings without quotes, long ones cut off."""
    if len(json) > MAX_SEARCHED:
        return json[:MAX_SEARCHED].decode(errors="replace")
    try:
        value = msgspec.json.decode(json, type=str)
    except msgspec.DecodeError:
        return json.decode(errors="replace")
    return value
