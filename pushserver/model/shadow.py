"""A device's shadow: what is desired of its services, and what is known of them."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

import attrs
import msgspec

if TYPE_CHECKING:
    from pushserver.model.command import Order

#: What a property may be given as.
Value = str | int | float | bool
#: Brings a value into the form in which the device has it.
Text = Callable[[Value], str]

_encode = msgspec.json.Encoder().encode


class Dialect(Protocol):
    """Which commands read and write a service, and in which form."""

    def text(self, value: object) -> str:
        """
        Return *value* as the device has it.

        Raises:
            Invalid: the device has no such values.
        """

    def write(self, service_id: str, properties: Mapping[str, Value]) -> "Order":
        """Return the order that writes these properties, all or none of them."""

    def read(self, service_id: str, keys: Iterable[str]) -> "Order":
        """Return the order that asks for these properties."""

    def reported(self, response: bytes, service_id: str) -> dict[str, str] | None:
        """Return what a response (JSON) has of the service, None if nothing."""


class Written(enum.StrEnum):
    """What became of the last write of a service."""

    DELIVERED = "delivered"
    FAILED = "failed"


class Standing(enum.StrEnum):
    """How a service stands; `Service.standing` has the rule."""

    IN_SYNC = "inSync"
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@attrs.define(kw_only=True, eq=False)
class Service:
    """
    A service of a device. Instants are microseconds UTC.

    `version` says when `desired` changed last: the device's counter then; 0 never.
    `command_id` writes the service, or wrote it last: it carries the desired
    properties `sent`, which the device is told as `carried`, and which were desired at
    `sent_version`. `read_id` reads it likewise, and asks for `asked`. `reported_at`
    is when what is known changed. `verified`: it was read from the device after the
    last write. `error` is a JSON text.

    `lapsed`: its command expired without being handed out. `due`: it is to be compared
    again. `planned`: a task's step is going to send what is desired.
    """

    device_id: int
    service_id: str
    scope_id: int
    desired: Mapping[str, Value] = attrs.Factory(dict)
    reported: Mapping[str, str] = attrs.Factory(dict)
    version: int = 0
    desired_at: int | None = None
    reported_at: int | None = None
    command_id: int | None = None
    sent: Mapping[str, Value] = attrs.Factory(dict)
    carried: Mapping[str, str] = attrs.Factory(dict)
    sent_version: int = 0
    outcome: Written | None = None
    verified: bool = False
    error: bytes | None = None
    lapsed: bool = False
    due: bool = False
    planned: bool = False
    read_id: int | None = None
    asked: tuple[str, ...] = ()
    stored: bool = False

    @property
    def key(self) -> tuple[int, str]:
        """Whose service it is, and which."""
        return self.device_id, self.service_id

    @property
    def is_writing(self) -> bool:
        """Tell whether a command that writes it is on its way."""
        return self.command_id is not None and self.outcome is None

    @property
    def has_moved(self) -> bool:
        """Tell whether something else is desired than when it was written last."""
        return self.sent_version < self.version

    @property
    def keys(self) -> set[str]:
        """The properties that are known of."""
        return {*self.desired, *self.reported}

    def differing(self, text: Text) -> dict[str, Value]:
        """Return what is desired and not known to be there."""
        return {
            name: value
            for name, value in self.desired.items()
            if self.reported.get(name) != text(value)
        }

    def standing(self, text: Text) -> Standing:
        """
        Say how it stands: the first of these that holds.

        PENDING: a command that writes it is on its way. DELIVERED: nothing differs,
        the device acknowledged the last write, and was not read since. IN_SYNC:
        nothing differs. FAILED: what is desired now was sent, and came to nothing.
        PENDING: something differs and nobody sends it yet.
        """
        if self.is_writing:
            return Standing.PENDING
        if not self.differing(text):
            acknowledged = self.outcome is Written.DELIVERED and not self.verified
            return Standing.DELIVERED if acknowledged else Standing.IN_SYNC
        failed = self.outcome is Written.FAILED and not self.has_moved
        return Standing.FAILED if failed else Standing.PENDING

    def drift(self, text: Text) -> list[str]:
        """Return what the device, when it was read last, had otherwise."""
        read = self.verified and not self.is_writing
        return sorted(self.differing(text)) if read else []

    def desire(self, desired: Mapping[str, Value], version: int, at: int) -> None:
        """Let something else be desired from now on."""
        self.desired, self.version, self.desired_at = desired, version, at

    def begin_write(
        self, command_id: int, sent: Mapping[str, Value], text: Text
    ) -> None:
        """Note that this command writes what is desired now."""
        self.command_id, self.sent = command_id, sent
        self.carried = {name: text(value) for name, value in sent.items()}
        self.sent_version = self.version
        self.outcome = self.error = None
        self.due = self.lapsed = self.planned = False

    def begin_read(self, command_id: int, keys: Iterable[str]) -> None:
        """Note that this command asks for these properties."""
        self.read_id, self.asked = command_id, tuple(sorted(keys))

    def doubt(self, at: int) -> None:
        """Forget what was known of what the last write may have changed."""
        known = self.reported.items()
        self.reported = {k: v for k, v in known if k not in self.carried}
        self.reported_at, self.verified = at, False


def next_version(services: Iterable[Service]) -> int:
    """Return the version of what is desired next of a device."""
    return max((service.version for service in services), default=0) + 1


def is_same(one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    """Tell whether both are the same JSON: to Python, `True` is 1."""
    return _ordered(one) == _ordered(other)


def _ordered(values: Mapping[str, Value]) -> bytes:
    return _encode(dict(sorted(values.items())))
