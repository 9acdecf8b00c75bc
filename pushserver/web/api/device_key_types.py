"""Keys of devices on the wire."""

from pushserver.web.api.device_types import KeylessOut
from pushserver.web.api.task_types import TargetsIn
from pushserver.web.api.types import In, Out


class DeviceKeyIn(In):
    """
    Whether the key is demanded from now on, whatever the device did before.

    Left out, it is for a device that was created before it polled.
    """

    enforce: bool | None = None
    """Whether the device is served with this key alone."""


class DeviceKeyOut(Out):
    """
    A device's new key: shown once; and whether it is demanded already.

    `url` is what the device is to be given; absent if the server does not know at which
    address devices reach it.
    """

    key: str
    """The key: shown here and never again."""
    path: str
    """The path to be set in the device, before `/push` and `/result`."""
    enforced: bool
    """Whether the device is served with its key alone."""
    url: str | None = None
    """The address with that path."""
    keyless: KeylessOut | None = None
    """That it is still served without."""


class DeviceKeysIn(In, kw_only=True):
    """Which devices get new keys; `enforce` is as for one."""

    targets: TargetsIn
    """Which devices get a key."""
    enforce: bool | None = None
    """Whether each is served with its new key alone."""


class DeviceKeyRowOut(Out, kw_only=True):
    """A device and its new key, shown once."""

    device_id: str
    """The device."""
    name: str | None = None
    """Its name for people."""
    key: str
    """Its key: shown here and never again."""
    path: str
    """The path to be set in the device, before `/push` and `/result`."""
    url: str | None = None
    """The address with that path, if it is known."""
    enforced: bool
    """Whether the device is served with its key alone."""


class DeviceKeysOut(Out):
    """The new keys of devices, in the order of the targets."""

    items: list[DeviceKeyRowOut]
    """Each device with its key."""
