"""The answers of a device to each endpoint, as the vendor documents them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs

from pushserver.clock import SECOND, Clock, SystemClock, from_datetime
from pushserver.simulate.configuration import Configuration
from pushserver.simulate.images import Gallery
from pushserver.simulate.messages import DeviceError, ExecutionResult, ReceivedCommand
from pushserver.simulate.objects import ObjectStore

#: Seconds that a device is offline while it reboots.
REBOOT_SECONDS = 2.0
#: Endpoints that no real device has: downloading and installing firmware.
FIRMWARE_LOAD, FIRMWARE_INSTALL = "firmware_load", "firmware_install"
#: Seconds until a person has presented a card or a finger.
ENROLL_SECONDS = 1.0


@attrs.define(kw_only=True, eq=False)
class Firmware:
    """The state of one device: what it stores and what it did."""

    device_id: int
    clock: Clock = attrs.field(factory=SystemClock)
    gallery: Gallery = attrs.field()
    objects: ObjectStore = attrs.field(factory=ObjectStore)
    configuration: Configuration = attrs.field(factory=Configuration)
    door_openings: int = 0
    screen_message: str = ""
    #: Microseconds by which the device's own clock is ahead.
    clock_offset: int = 0
    booted_at: int = attrs.field()
    version: str = "simulated"
    #: The version that was downloaded and is not installed yet.
    downloaded_version: str | None = None

    @gallery.default
    def _default_gallery(self) -> Gallery:
        return Gallery(self.device_id)

    @booted_at.default
    def _default_booted_at(self) -> int:
        return self.clock.now()

    def execute(self, command: ReceivedCommand) -> ExecutionResult:
        """Execute *command* and return its result."""
        endpoint_function = ENDPOINTS.get(command.endpoint)
        if endpoint_function is None:
            return ExecutionResult(error=f"Invalid endpoint: {command.endpoint}")
        try:
            response = endpoint_function(self, command)
        except DeviceError as refused:
            return ExecutionResult(error=str(refused))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            # Fields of a wrong type: a device reports that and goes on.
            return ExecutionResult(error=f"Invalid parameters: {type(error).__name__}")
        return (
            response
            if isinstance(response, ExecutionResult)
            else ExecutionResult(response=response)
        )


EndpointFunction = Callable[[Firmware, ReceivedCommand], Any]


def _execute_actions(device: Firmware, command: ReceivedCommand) -> dict[str, Any]:
    actions = command.decode_object()["actions"]
    door_actions = [a for a in actions if a["action"] in ("door", "sec_box", "catra")]
    device.door_openings += len(door_actions)
    return {
        "actions": [
            {
                "action": each["action"],
                "status": "allowed" if each in door_actions else "denied",
            }
            for each in actions
        ]
    }


def _system_information(device: Firmware, command: ReceivedCommand) -> dict[str, Any]:  # noqa: ARG001
    now = device.clock.now()
    minutes, seconds = divmod((now - device.booted_at) // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return {
        "uptime": {
            "days": days,
            "hours": hours,
            "minutes": minutes,
            "seconds": seconds,
        },
        "time": (now + device.clock_offset) // SECOND,
        "memory": {"disk": {"free": 1_000_000, "total": 4_000_000}},
        "network": {"ip": "192.168.0.129", "netmask": "255.255.255.0"},
        "serial": f"SIM/{device.device_id:06X}",
        "version": device.version,
        "device_id": str(device.device_id),
        "online": False,
    }


def _set_system_time(device: Firmware, command: ReceivedCommand) -> dict[str, Any]:
    fields = command.decode_object()
    year, month, day = fields["year"], fields["month"], fields["day"]
    hour, minute, second = fields["hour"], fields["minute"], fields["second"]
    # The device has no time zone; it takes the given time as local.
    local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    device.clock_offset = from_datetime(local) - device.clock.now()
    return {}


def _message_to_screen(device: Firmware, command: ReceivedCommand) -> dict[str, Any]:
    device.screen_message = str(command.decode_object()["message"])
    return {}


def _remote_enroll(device: Firmware, command: ReceivedCommand) -> ExecutionResult:
    fields = command.decode_object()
    response = {"success": True, "user_id": fields["user_id"], "type": fields["type"]}
    response["device_id"] = str(device.device_id)
    return ExecutionResult(
        response=response, delay=ENROLL_SECONDS if fields.get("sync") else 0.0
    )


def _reboot(device: Firmware, command: ReceivedCommand) -> ExecutionResult:  # noqa: ARG001
    device.booted_at = device.clock.now()
    return ExecutionResult(no_result=True, offline_for=REBOOT_SECONDS)


def _firmware_load(device: Firmware, command: ReceivedCommand) -> dict[str, Any]:
    device.downloaded_version = str(command.decode_object()["version"])
    return {}


def _firmware_install(device: Firmware, command: ReceivedCommand) -> ExecutionResult:  # noqa: ARG001
    if device.downloaded_version is None:
        raise DeviceError("No firmware was loaded")
    device.version, device.downloaded_version = device.downloaded_version, None
    return ExecutionResult(response={})


def _reset(device: Firmware, command: ReceivedCommand) -> ExecutionResult:
    device.objects = ObjectStore()
    device.gallery.images.clear()
    return _reboot(device, command)


ENDPOINTS: Mapping[str, EndpointFunction] = MappingProxyType(
    {
        "load_objects": lambda d, o: d.objects.load(o.decode_object()),
        "create_objects": lambda d, o: d.objects.create(o.decode_object()),
        "create_or_modify_objects": lambda d, o: d.objects.create_or_modify(
            o.decode_object()
        ),
        "modify_objects": lambda d, o: d.objects.modify(o.decode_object()),
        "destroy_objects": lambda d, o: d.objects.destroy(o.decode_object()),
        "execute_actions": _execute_actions,
        "get_configuration": lambda d, o: d.configuration.get(o.decode_object()),
        "set_configuration": lambda d, o: d.configuration.set(o.decode_object()),
        "system_information": _system_information,
        "set_system_time": _set_system_time,
        "message_to_screen": _message_to_screen,
        "user_set_image": lambda d, o: d.gallery.set_image(o),
        "user_set_image_list": lambda d, o: d.gallery.set_images(o.decode_object()),
        "user_get_image_list": lambda d, o: d.gallery.get_images(o.decode_object()),
        "user_list_images": lambda d, o: d.gallery.list_images(o),
        "user_destroy_image": lambda d, o: d.gallery.destroy(o.decode_object()),
        "remote_enroll": _remote_enroll,
        "cancel_remote_enroll": lambda d, o: {},  # noqa: ARG005
        "reboot": _reboot,
        "set_system_network": _reboot,
        "reset_to_factory_default": _reset,
        FIRMWARE_LOAD: _firmware_load,
        FIRMWARE_INSTALL: _firmware_install,
    }
)
