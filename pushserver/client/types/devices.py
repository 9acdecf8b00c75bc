"""Types of the API: devices.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from pushserver.client.types.commands import Actor

DeviceState = Literal["adopted", "quarantined"]
"""Whether somebody vouched for a device."""
ExportFormat = Literal["csv", "ndjson"]
"""The form of an export; an import takes both."""


class ExportDevicesQuery(TypedDict):
    """The query of `exportDevices`."""

    state: NotRequired[DeviceState | None]
    """Those in this state. Left out, it is `adopted`."""
    tag: NotRequired[str | Sequence[str] | None]
    """
    Those with this tag, `key:value`; of several values of a key, one. Left out, it is
    `()`.
    """
    q: NotRequired[str | None]
    """
    Those with this text in their name or id, whatever its case. Left out, it is ``.
    """


class DeviceKeyInput(TypedDict):
    """
    Whether the key is demanded from now on, whatever the device did before. Left out,
    it is for a device that was created before it polled.
    """

    enforce: NotRequired[bool]
    """Whether the device is served with this key alone."""


class Keyless(TypedDict):
    """
    Since when, and from where, a device is served without its key. So its key is not
    enforced; left out is what was not recorded.
    """

    since: NotRequired[str]
    """Since when."""
    address: NotRequired[str]
    """From where first."""


class DeviceKey(TypedDict):
    """
    A device's new key: shown once; and whether it is demanded already. `url` is what
    the device is to be given; absent if the server does not know at which address
    devices reach it.
    """

    key: str
    """The key: shown here and never again."""
    path: str
    """The path to be set in the device, before `/push` and `/result`."""
    enforced: bool
    """Whether the device is served with its key alone."""
    url: NotRequired[str]
    """The address with that path."""
    keyless: NotRequired[Keyless]
    """That it is still served without."""


class TargetsInput(TypedDict):
    """Which devices are meant; exactly one of the three."""

    deviceIds: NotRequired[Sequence[str]]
    """These devices."""
    tags: NotRequired[Mapping[str, str]]
    """The devices that have all of these tags."""
    all: NotRequired[bool]
    """True: all devices."""


class DeviceKeysInput(TypedDict):
    """Which devices get new keys; `enforce` is as for one."""

    targets: TargetsInput
    """Which devices get a key."""
    enforce: NotRequired[bool]
    """Whether each is served with its new key alone."""


class DeviceKeyRow(TypedDict):
    """A device and its new key, shown once."""

    deviceId: str
    """The device."""
    name: NotRequired[str]
    """Its name for people."""
    key: str
    """Its key: shown here and never again."""
    path: str
    """The path to be set in the device, before `/push` and `/result`."""
    url: NotRequired[str]
    """The address with that path, if it is known."""
    enforced: bool
    """Whether the device is served with its key alone."""


class DeviceKeys(TypedDict):
    """The new keys of devices, in the order of the targets."""

    items: list[DeviceKeyRow]
    """Each device with its key."""


class InFlight(TypedDict):
    """The command that is with the device."""

    commandId: str
    """The command's id."""
    endpoint: str
    """The command's endpoint."""
    sentAt: str
    """When the device polled for it."""
    deliveredAt: NotRequired[str]
    """When its last byte was written."""


class UnknownRequest(TypedDict):
    """A request of the device that was no poll and no result."""

    at: str
    """When it came."""
    method: str
    """Its method."""
    path: str
    """Its path; what may be a key is masked."""
    address: NotRequired[str]
    """From where it came."""
    body: NotRequired[str]
    """Its body, cut off after 4 kB."""


class UnknownRequests(TypedDict):
    """How many of them there were, and the last few."""

    count: int
    """How many there were."""
    last: list[UnknownRequest]
    """The newest twenty; where one device is shown."""


class Device(TypedDict):
    """A device: what was decided, and what was seen."""

    deviceId: str
    """The id that it polls with."""
    protocol: NotRequired[str]
    """What it speaks, where that is not the first protocol."""
    name: NotRequired[str]
    """What people call it."""
    tags: dict[str, str]
    """Its tags, by their keys."""
    state: DeviceState
    """Whether somebody vouched for it."""
    hold: NotRequired[float]
    """Seconds a poll is held; left out, the server's setting."""
    createdAt: str
    """When it first became known."""
    adoptedBy: NotRequired[Actor]
    """Who vouched for it."""
    lastSeenAt: NotRequired[str]
    """When it polled last."""
    lastSeenAgo: NotRequired[float]
    """How many seconds ago that was."""
    online: bool
    """Whether it polls in time, or is busy with a command."""
    address: NotRequired[str]
    """From where it polled last."""
    pollPeriod: NotRequired[float]
    """Seconds between its idle polls, as seen."""
    queueDepth: int
    """How many commands wait for it."""
    inFlight: NotRequired[InFlight]
    """The command that it has."""
    keyed: bool
    """Whether it has a key."""
    keyEnforced: bool
    """Whether it is served with its key alone."""
    keyless: NotRequired[Keyless]
    """That it has a key and is served without."""
    deviceSeen: bool
    """Whether it has ever polled."""
    unknownCalls: NotRequired[UnknownRequests]
    """What it sent that was no poll and no result."""
    identityConflicts: NotRequired[int]
    """How often two addresses polled as this device in turn."""
    identityConflictAt: NotRequired[str]
    """When they did so last."""
    shutOutAddress: NotRequired[str]
    """The address that gets nothing since then."""


class Devices(TypedDict):
    """A page of devices, by their ids."""

    items: list[Device]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListDevicesQuery(TypedDict):
    """The query of `listDevices`."""

    state: NotRequired[DeviceState | None]
    """Those in this state."""
    online: NotRequired[bool | None]
    """Those that are online, or are not."""
    tag: NotRequired[str | Sequence[str] | None]
    """
    Those with this tag, `key:value`; of several values of a key, one. Left out, it is
    `()`.
    """
    q: NotRequired[str | None]
    """
    Those with this text in their name or id, whatever its case. Left out, it is ``.
    """
    sort: NotRequired[str | None]
    """
    By what they are ordered; with `-` before it from the largest on. Left out, it is
    `deviceId`.
    """
    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""


class DeviceImport(TypedDict):
    """What an import did, in devices; or with `dryRun` what it would do."""

    created: int
    """How many are new."""
    updated: int
    """How many were changed."""
    unchanged: int
    """How many were as they should be."""
    dryRun: NotRequired[bool]
    """Whether nothing was done. Left out, it is `false`."""


class DeviceInput(TypedDict):
    """What an administrator decides on a device."""

    name: NotRequired[str | None]
    """What people call it; null: nothing."""
    tags: NotRequired[Mapping[str, str]]
    """All of its tags, by their keys."""
    hold: NotRequired[float | None]
    """Seconds a poll is held; null: the server's setting."""
