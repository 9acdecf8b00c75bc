"""Upgrades: tasks whose operations download, apply, and then read the version.

An `Upgrade` has the settings for all devices; each device has an operation with a
`DeviceUpgrade`.
"""

import enum
import re
from typing import Any

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.guarantee import DAY_SECONDS
from pushserver.model.parsed_result import MAX_SEARCHED, ParsedResult

#: The most characters kept of a version or a code, and of an error.
MAX_VERSION_LENGTH, MAX_ERROR_LENGTH = 200, 1000
#: The default time of a device from the first apply command on.
DEFAULT_APPLY_TIMEOUT = 900 * SECOND
#: The default time to wait for devices.
DEFAULT_EXPIRES_IN = DAY_SECONDS * SECOND


class DeviceUpgradeState(enum.StrEnum):
    """The state of a device upgrade; IDLE before the download and after the end."""

    IDLE = "idle"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    UPDATING = "updating"


class DeviceUpgradeResult(enum.StrEnum):
    """The result of a device upgrade."""

    SUCCESS = "SUCCESS"
    FAIL = "FAIL"


class UpgradePhase(enum.Enum):
    """The phase of an upgrade that a step belongs to."""

    SOURCE = "source"
    DOWNLOAD = "download"
    APPLY = "apply"
    VERIFY = "verify"


@attrs.frozen(kw_only=True)
class Upgrade:
    """
    The settings of an upgrade. `apply_timeout` is in microseconds.

    Its steps: the verify command, which reads the version before the upgrade, then
    `download_steps` and `apply_steps` commands, and the verify command again.
    `version_pointer` is the JSON Pointer to the version in its response. `max_retries`
    is how many commands in all are sent to a device again after an error or no answer.
    """

    target_version: str
    version_pointer: str
    download_steps: int
    apply_steps: int
    max_retries: int = 0
    apply_timeout: int = DEFAULT_APPLY_TIMEOUT

    @property
    def verify_step(self) -> int:
        """The number of the step that verifies."""
        return self.download_steps + self.apply_steps + 1

    @property
    def verify_interval(self) -> int:
        """The time between two tries to verify, and the duration of the last."""
        return max(SECOND, min(10 * SECOND, self.apply_timeout // 10))

    def phase_of(self, step: int) -> UpgradePhase:
        """Return the phase of the step."""
        if step == 0:
            return UpgradePhase.SOURCE
        if step <= self.download_steps:
            return UpgradePhase.DOWNLOAD
        return UpgradePhase.APPLY if step < self.verify_step else UpgradePhase.VERIFY

    def parse_version(self, parsed_result: ParsedResult | None) -> str | None:
        """Return the version in a device's response, None if there is none."""
        response = None if parsed_result is None else parsed_result.response
        if not isinstance(response, bytes) or len(response) > MAX_SEARCHED:
            return None
        try:
            version = resolve_json_pointer(_decode(response), self.version_pointer)
            if isinstance(version, str | int) and not isinstance(version, bool):
                return str(version) or None
        except (LookupError, ValueError, msgspec.DecodeError, RecursionError):
            return None
        return None


@attrs.define(kw_only=True, eq=False)
class DeviceUpgrade:
    """
    How far the operation of one device is in an upgrade. Instants are microseconds.

    `is_apply_unanswered`: an apply command was not answered, so the device may still
    restart. `retries_used` counts the used retries. `updating_at`: when the first apply
    command was handed out. While it runs, `error` says why the last verify did not find
    the target version, or why it was canceled.
    """

    upgrade: Upgrade
    state: DeviceUpgradeState = DeviceUpgradeState.IDLE
    source_version: str | None = None
    current_version: str | None = None
    is_apply_unanswered: bool = False
    retries_used: int = 0
    updating_at: int | None = None
    error_code: str | None = None
    error: str | None = None

    @property
    def deadline(self) -> int:
        """When the target version must have been reported."""
        return (self.updating_at or 0) + self.upgrade.apply_timeout

    def set_error(self, code: str | None, error: str | None) -> None:
        """Record the error with which it fails, if it does."""
        self.error_code = None if code is None else truncate(code)
        self.error = None if error is None else truncate(error, MAX_ERROR_LENGTH)


# Decimals stay as written, because version 1.10 is not 1.1.
_decode = msgspec.json.Decoder(float_hook=str).decode
_INDEX = re.compile("0|[1-9][0-9]{0,8}", re.ASCII)


def truncate(text: str, length: int = MAX_VERSION_LENGTH) -> str:
    """Shorten a device's text; drop NUL, which PostgreSQL cannot store."""
    return text[:length].replace("\0", "\ufffd")


def is_json_pointer(text: str) -> bool:
    """Tell whether *text* is a JSON Pointer (RFC 6901)."""
    rest = text.replace("~0", "").replace("~1", "")
    return (not text or text.startswith("/")) and "~" not in rest


def resolve_json_pointer(value: Any, pointer: str) -> Any:
    """
    Return what *pointer* points to in *value*.

    Raises:
        LookupError: there is nothing.
    """
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name):
            value = value[int(name)]
        else:
            raise LookupError(name)
    return value
