"""An upgrade: a task whose operations download, apply, and then read the version.

The terms are one for all devices; each device's part is an operation with a `Part`.
"""

import enum
import re
from typing import Any

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.catalogue import DAY
from pushserver.model.reading import Reading

#: The longest text that is kept of a version or a code, and of an error.
SHORT, LONG = 200, 1000
#: How long a device has from the first apply command on, unless said otherwise.
APPLY_TIMEOUT = 900 * SECOND
#: How long devices are waited for if nothing says so.
EXPIRES_IN = DAY * SECOND


class UpgradeState(enum.StrEnum):
    """Where a device's part is; IDLE before it downloads, and after its end."""

    IDLE = "idle"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    UPDATING = "updating"


class UpgradeResult(enum.StrEnum):
    """How a device's part ended."""

    SUCCESS = "SUCCESS"
    FAIL = "FAIL"


class Phase(enum.Enum):
    """What a step belongs to."""

    SOURCE = "source"
    DOWNLOAD = "download"
    APPLY = "apply"
    VERIFY = "verify"


class ErrorCode(enum.StrEnum):
    """Why a part failed, where the device itself gave no code."""

    DEVICE_ERROR = "DEVICE_ERROR"
    EXPIRED = "EXPIRED"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"
    NO_VERSION = "NO_VERSION"
    VERSION_MISMATCH = "VERSION_MISMATCH"


@attrs.frozen(kw_only=True)
class Upgrade:
    """
    The terms of an upgrade. `apply_timeout` is in microseconds.

    Its steps: the verify command, which reads the version to begin with, so many
    `downloads`, so many `applies`, and the verify command again. `pointer` is the JSON
    Pointer to the version in its response. `retries`: how often in all a device is sent
    again what it answered with an error, or not at all.
    """

    target_version: str
    pointer: str
    downloads: int
    applies: int
    retries: int = 0
    apply_timeout: int = APPLY_TIMEOUT

    @property
    def last(self) -> int:
        """The number of the step that verifies."""
        return self.downloads + self.applies + 1

    @property
    def pause(self) -> int:
        """How long to wait between two tries to verify; the last takes as long."""
        return max(SECOND, min(10 * SECOND, self.apply_timeout // 10))

    def phase(self, step: int) -> Phase:
        """Tell what the step belongs to."""
        if step == 0:
            return Phase.SOURCE
        if step <= self.downloads:
            return Phase.DOWNLOAD
        return Phase.APPLY if step < self.last else Phase.VERIFY

    def version_in(self, reading: Reading | None) -> str | None:
        """Return the version in what a device said, None if there is none."""
        if reading is None or reading.response is None:
            return None
        try:
            found = resolve(_decode(reading.response), self.pointer)
            if isinstance(found, str | int) and not isinstance(found, bool):
                return str(found) or None
        except (LookupError, ValueError, msgspec.DecodeError, RecursionError):
            return None
        return None


@attrs.define(kw_only=True, eq=False)
class Part:
    """
    How far the operation of one device is in an upgrade. Instants are microseconds.

    `missing`: an apply command was not answered, so the device may still restart.
    `tries`: how many of the upgrade's retries were used. `updating_at`: when the first
    apply command was handed out. While the part runs, `error` is what was last seen of
    a version that is not there yet, or why it was canceled.
    """

    upgrade: Upgrade
    state: UpgradeState = UpgradeState.IDLE
    source_version: str | None = None
    current_version: str | None = None
    missing: bool = False
    tries: int = 0
    updating_at: int | None = None
    error_code: str | None = None
    error: str | None = None

    @property
    def deadline(self) -> int:
        """Until when the target version must be seen."""
        return (self.updating_at or 0) + self.upgrade.apply_timeout

    def blame(self, code: str | None, error: str | None) -> None:
        """Note why it fails, if it does."""
        self.error_code = None if code is None else kept(code)
        self.error = None if error is None else kept(error, LONG)


# Fractions stay as they are written: 1.10 is another version than 1.1.
_decode = msgspec.json.Decoder(float_hook=str).decode
_INDEX = re.compile("0|[1-9][0-9]{0,8}", re.ASCII)


def kept(text: str, length: int = SHORT) -> str:
    """Return what is kept of a device's words; no store takes NUL everywhere."""
    return text[:length].replace("\0", "\ufffd")


def is_pointer(text: str) -> bool:
    """Tell whether *text* is a JSON Pointer (RFC 6901)."""
    rest = text.replace("~0", "").replace("~1", "")
    return (not text or text.startswith("/")) and "~" not in rest


def resolve(value: Any, pointer: str) -> Any:
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
