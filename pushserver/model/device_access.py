"""Whether a device is served, by the key that it shows."""

import enum
import secrets

from pushserver.model.device import Device, DeviceKeys
from pushserver.model.secret import hash_secret


class AccessDecision(enum.Enum):
    """How to treat a request that names a device."""

    SERVED = "served"
    OLD_KEY = "oldKey"  # served, until the newest key is used
    FIRST_KEYED = "firstKeyed"  # served; from now on the (newest) key is required
    NO_KEY = "noKey"
    WRONG_KEY = "wrongKey"


def check_access(device: Device, key: str | None, policy: DeviceKeys) -> AccessDecision:
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


def _is_key_required(device: Device, policy: DeviceKeys) -> bool:
    return device.key_enforced or policy is DeviceKeys.REQUIRED


def _check_key(device: Device, digest: str) -> AccessDecision:
    if secrets.compare_digest(digest, device.key_hash or ""):
        settled = device.key_enforced and device.is_key_used
        return AccessDecision.SERVED if settled else AccessDecision.FIRST_KEYED
    if secrets.compare_digest(digest, device.old_key_hash or ""):
        return AccessDecision.OLD_KEY
    return AccessDecision.WRONG_KEY
