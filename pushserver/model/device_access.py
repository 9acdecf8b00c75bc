"""Whether a device is served, by the key that it shows."""

import enum
import secrets
from typing import Protocol

import attrs

from pushserver.model.device import DeviceKeys
from pushserver.model.secret import hash_secret


class KeyState(Protocol):
    """The keys of a device."""

    @property
    def key_hash(self) -> str | None:
        """The hash of the newest key."""

    @property
    def old_key_hash(self) -> str | None:
        """The hash of the one before, if that is still valid."""

    @property
    def key_enforced(self) -> bool:
        """Whether the device needs its key."""

    @property
    def is_key_used(self) -> bool:
        """Whether it came with its newest key."""


@attrs.frozen
class StoredKeys:
    """The keys of a device as the store has them: memory may not know yet."""

    key_hash: str | None
    old_key_hash: str | None
    key_enforced: bool
    is_key_used: bool = False


class AccessDecision(enum.Enum):
    """How to treat a request that names a device."""

    SERVED = "served"
    OLD_KEY = "oldKey"  # served, until the newest key is used
    FIRST_KEYED = "firstKeyed"  # served; from now on the (newest) key is required
    NO_KEY = "noKey"
    WRONG_KEY = "wrongKey"

    @property
    def is_refusal(self) -> bool:
        """Tell whether the device is not served."""
        return self in (AccessDecision.NO_KEY, AccessDecision.WRONG_KEY)


def check_access(
    device: KeyState, key: str | None, policy: DeviceKeys
) -> AccessDecision:
    """Decide whether *device* is served with *key* in its path."""
    if device.key_hash is None:
        served = policy is DeviceKeys.OPTIONAL
        return AccessDecision.SERVED if served else AccessDecision.NO_KEY
    if key is None:
        return (
            AccessDecision.NO_KEY
            if _is_key_required(device, policy)
            else AccessDecision.SERVED
        )
    return _check_key(device, hash_secret(key))


def _is_key_required(device: KeyState, policy: DeviceKeys) -> bool:
    return device.key_enforced or policy is DeviceKeys.REQUIRED


def _check_key(device: KeyState, digest: str) -> AccessDecision:
    if secrets.compare_digest(digest, device.key_hash or ""):
        settled = device.key_enforced and device.is_key_used
        return AccessDecision.SERVED if settled else AccessDecision.FIRST_KEYED
    if secrets.compare_digest(digest, device.old_key_hash or ""):
        return AccessDecision.OLD_KEY
    return AccessDecision.WRONG_KEY
