"""Which protocol each device speaks, and how programs write its id."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Protocol

import attrs
import msgspec

from pushserver.errors import Invalid
from pushserver.model.command import Result
from pushserver.model.device import Device, DeviceIdentity
from pushserver.model.parsed_result import ParsedResult
from pushserver.protocols.base import DeviceProtocol, judge_response
from pushserver.services.off_loop import in_pieces


class KnownDevices(Protocol):
    """Looks devices up by `device_id`."""

    def find_in_any_scope(self, device_id: int) -> Device | None:
        """Return the device, whichever scope it belongs to."""

    def all_speak(self, protocol: str) -> bool:
        """Tell whether every device speaks *protocol*."""


@attrs.frozen
class DeviceProtocols:
    """
    The installed protocols, in the order in which they are tried.

    The first one is the default: its ids are written without prefix, and devices that
    are no longer known are assumed to speak it.
    """

    installed: tuple[DeviceProtocol, ...]
    devices: KnownDevices
    default: DeviceProtocol = attrs.field(init=False)
    _by_name: Mapping[str, DeviceProtocol] = attrs.field(init=False)

    @default.default
    def _first(self) -> DeviceProtocol:
        return self.installed[0]

    @_by_name.default
    def _installed_by_name(self) -> Mapping[str, DeviceProtocol]:
        return {protocol.name: protocol for protocol in self.installed}

    def named(self, name: str) -> DeviceProtocol:
        """Return the protocol; the default if it is not served any more."""
        return self._by_name.get(name, self.default)

    def of_device(self, device_id: int) -> DeviceProtocol:
        """Return the protocol that the device speaks."""
        device = self.devices.find_in_any_scope(device_id)
        if device is None:
            return self.default
        return self._by_name.get(device.protocol, self.default)

    async def common(self, devices: Iterable[Device]) -> DeviceProtocol:
        """
        Return the one protocol that these devices speak.

        Raises:
            Invalid: they speak several.
        """
        names = sorted({device.protocol async for device in in_pieces(devices)})
        if len(names) > 1:
            raise Invalid(
                f"The devices speak {' and '.join(names)}; make a task for each.",
                pointer="/targets",
            )
        return self.named(names[0])

    def identity_of(self, device_id: int) -> DeviceIdentity:
        """Return the device's identity; an unknown one is of the default protocol."""
        device = self.devices.find_in_any_scope(device_id)
        if device is None:
            return self.default.identify(str(device_id))
        return device.identity

    def identify(self, text: str, pointer: str | None = None) -> DeviceIdentity:
        """
        Return the identity of the device that a program calls *text*.

        *text* is `protocol:id`, or an id alone: then of the first protocol with such a
        known device, else of the first protocol that has such ids.

        Raises:
            Invalid: no protocol has such ids; *pointer* names the field.
        """
        name, colon, external_id = text.partition(":")
        try:
            if colon and name in self._by_name:
                return self._by_name[name].identify(external_id)
            if len(self.installed) > 1 and (candidates := self._candidates(text)):
                return next(filter(self._is_known, candidates), candidates[0])
            return self.default.identify(text)
        except Invalid as error:
            raise Invalid(error.detail, pointer=pointer) from None

    def _candidates(self, text: str) -> list[DeviceIdentity]:
        found = []
        for protocol in self.installed:
            try:
                found.append(protocol.identify(text))
            except Invalid:
                continue
        return found

    def _is_known(self, identity: DeviceIdentity) -> bool:
        device = self.devices.find_in_any_scope(identity.device_id)
        return device is not None and device.identity == identity

    def display_id(self, device_id: int) -> str:
        """Return the id for programs, which `identify` accepts."""
        device = self.devices.find_in_any_scope(device_id)
        if device is None or device.protocol == self.default.name:
            return str(device_id)
        plain = device.external_id
        if ":" not in plain and self._candidates(plain)[:1] == [device.identity]:
            return plain
        return f"{device.protocol}:{plain}"

    def display_ids(self, device_ids: frozenset[int]) -> bytes:
        """Return the ids for programs as JSON, in order; many take few milliseconds."""
        if self.devices.all_speak(self.default.name):
            return _plain_ids(device_ids)
        return msgspec.json.encode([*map(self.display_id, sorted(device_ids))])

    def parse_result(self, result: Result) -> ParsedResult:
        """
        Return what a device posted, as it was read when it came.

        One from an earlier release is read now, in its device's protocol.
        """
        if (stored := result.parsed_result) is not None:
            return stored
        if result.rejection is not None:
            return ParsedResult.rejected(result.rejection)
        protocol = self.of_device(result.device_id)
        parsed = protocol.parse_result(result.body, result.content_encoding)
        return judge_response(protocol, parsed, result.judged_endpoint)


@lru_cache(maxsize=1024)
def _plain_ids(device_ids: frozenset[int]) -> bytes:
    """Keep what was rendered: a thousand lists of a thousand ids take half a second."""
    return msgspec.json.encode([*map(str, sorted(device_ids))])
