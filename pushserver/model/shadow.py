"""A device's shadow: the desired and the reported properties of its services."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import attrs
import msgspec

from pushserver.model.actor import NOBODY, Actor
from pushserver.model.order import Order

#: The JSON types that a property's value may have.
PropertyValue = str | int | float | bool
#: Converts a value into the device's own text form.
ValueFormatter = Callable[[PropertyValue], str]

_encode = msgspec.json.Encoder().encode


class ServiceProtocol(Protocol):
    """The part of a device protocol that reads and writes services."""

    def format_value(self, value: object) -> str:
        """
        Return *value* in the device's text form.

        Raises:
            Invalid: the device has no values of this type.
        """

    def write_order(
        self, service_id: str, properties: Mapping[str, PropertyValue]
    ) -> Order:
        """Return the order that writes these properties, all or none of them."""

    def read_order(self, service_id: str, keys: Iterable[str]) -> Order:
        """Return the order that reads these properties."""

    def parse_reported(self, response: bytes, service_id: str) -> dict[str, str] | None:
        """Return the service's properties in a response (JSON), None if it has none."""


class WriteOutcome(enum.StrEnum):
    """The outcome of the last write of a service."""

    DELIVERED = "delivered"
    FAILED = "failed"


class SyncStatus(enum.StrEnum):
    """Whether desired and reported agree; `Service.sync_status` has the rule."""

    IN_SYNC = "inSync"
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@attrs.define(kw_only=True, eq=False)
class Service:
    """
    A service of a device. Instants are microseconds UTC.

    `desired_version` is the device's counter at the last change of `desired`, which
    `desired_by` made; 0 means never. `write_command_id` is the present or last command
    that writes the service: its values are `sent_values`, in the device's form
    `sent_texts`, as desired at `sent_version`. `read_command_id` likewise reads
    `read_keys`. `reported_at` is when the reported properties changed. `verified`: they
    were read after the last write. `write_error` is a JSON text.

    `is_write_expired`: its command expired without being handed out. `needs_reconcile`:
    it must be compared again. `awaits_step`: a task's step will write it.
    """

    device_id: int
    service_id: str
    scope_id: int
    desired: Mapping[str, PropertyValue] = attrs.Factory(dict)
    reported: Mapping[str, str] = attrs.Factory(dict)
    desired_version: int = 0
    desired_at: int | None = None
    reported_at: int | None = None
    write_command_id: int | None = None
    sent_values: Mapping[str, PropertyValue] = attrs.Factory(dict)
    sent_texts: Mapping[str, str] = attrs.Factory(dict)
    sent_version: int = 0
    write_outcome: WriteOutcome | None = None
    verified: bool = False
    write_error: bytes | None = None
    is_write_expired: bool = False
    needs_reconcile: bool = False
    awaits_step: bool = False
    read_command_id: int | None = None
    read_keys: tuple[str, ...] = ()
    desired_by: Actor = NOBODY
    stored: bool = False

    @property
    def key(self) -> tuple[int, str]:
        """The device's id and the service's."""
        return self.device_id, self.service_id

    @property
    def is_writing(self) -> bool:
        """Tell whether a command that writes it is waiting or in flight."""
        return self.write_command_id is not None and self.write_outcome is None

    @property
    def has_newer_desired(self) -> bool:
        """Tell whether the desired properties changed after the last write."""
        return self.sent_version < self.desired_version

    @property
    def property_names(self) -> set[str]:
        """The names of all desired and reported properties."""
        return {*self.desired, *self.reported}

    def delta(self, format_value: ValueFormatter) -> dict[str, PropertyValue]:
        """Return the desired properties that are not reported with the same value."""
        return {
            name: value
            for name, value in self.desired.items()
            if self.reported.get(name) != format_value(value)
        }

    def sync_status(self, format_value: ValueFormatter) -> SyncStatus:
        """
        Return the first of these that applies.

        PENDING: a command that writes it is waiting or in flight. DELIVERED: nothing
        differs, and the device acknowledged the last write but was not read since.
        IN_SYNC: nothing differs. FAILED: the write of what is desired now failed.
        PENDING: something differs, and no command writes it yet.
        """
        if self.is_writing:
            return SyncStatus.PENDING
        if not self.delta(format_value):
            acknowledged = (
                self.write_outcome is WriteOutcome.DELIVERED and not self.verified
            )
            return SyncStatus.DELIVERED if acknowledged else SyncStatus.IN_SYNC
        failed = (
            self.write_outcome is WriteOutcome.FAILED and not self.has_newer_desired
        )
        return SyncStatus.FAILED if failed else SyncStatus.PENDING

    def drift(self, format_value: ValueFormatter) -> list[str]:
        """Return the properties that differed when the device was last read."""
        read = self.verified and not self.is_writing
        return sorted(self.delta(format_value)) if read else []

    def set_desired(
        self,
        desired: Mapping[str, PropertyValue],
        version: int,
        at: int,
        by: Actor = NOBODY,
    ) -> None:
        """Set the desired properties."""
        self.desired, self.desired_version, self.desired_at = desired, version, at
        self.desired_by = by

    def begin_write(
        self,
        command_id: int,
        sent: Mapping[str, PropertyValue],
        format_value: ValueFormatter,
    ) -> None:
        """Record that this command writes the properties that are desired now."""
        self.write_command_id, self.sent_values = command_id, sent
        self.sent_texts = {name: format_value(value) for name, value in sent.items()}
        self.sent_version = self.desired_version
        self.write_outcome = self.write_error = None
        self.needs_reconcile = self.is_write_expired = self.awaits_step = False

    def begin_read(self, command_id: int, keys: Iterable[str]) -> None:
        """Record that this command reads these properties."""
        self.read_command_id, self.read_keys = command_id, tuple(sorted(keys))

    def invalidate_reported(self, at: int) -> None:
        """Drop the reported values that the last write may have changed."""
        known = self.reported.items()
        self.reported = {k: v for k, v in known if k not in self.sent_texts}
        self.reported_at, self.verified = at, False


def next_desired_version(services: Iterable[Service]) -> int:
    """Return the version of the next change of a device's desired properties."""
    return max((service.desired_version for service in services), default=0) + 1


def is_same_json(
    one: Mapping[str, PropertyValue], other: Mapping[str, PropertyValue]
) -> bool:
    """Tell whether both are the same JSON: to Python, `True` is 1."""
    return _canonical_json(one) == _canonical_json(other)


def _canonical_json(values: Mapping[str, PropertyValue]) -> bytes:
    return _encode(dict(sorted(values.items())))
