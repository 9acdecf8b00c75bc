"""What a device answers to each endpoint, as the vendor's pages and devices have it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs

from pushserver.clock import SECOND, Clock, SystemClock, from_datetime
from pushserver.simulate.configuration import Configuration
from pushserver.simulate.images import Gallery
from pushserver.simulate.objects import Objects
from pushserver.simulate.order import Order, Outcome, Refused

#: Seconds that a device is away while it starts anew.
REBOOT = 2.0
#: What no real device has under these names: its firmware, downloaded and installed.
LOAD, INSTALL = "firmware_load", "firmware_install"
#: Seconds until somebody has shown a card or a finger.
ENROLL = 1.0


@attrs.define(kw_only=True, eq=False)
class Firmware:
    """The inside of one device: what it keeps and what it did."""

    device_id: int
    clock: Clock = attrs.field(factory=SystemClock)
    gallery: Gallery = attrs.field()
    objects: Objects = attrs.field(factory=Objects)
    configuration: Configuration = attrs.field(factory=Configuration)
    openings: int = 0
    message: str = ""
    #: By how many microseconds the device's own clock was set ahead.
    ahead: int = 0
    booted_at: int = attrs.field()
    version: str = "simulated"
    #: The version that was downloaded and is not installed yet.
    loaded: str | None = None

    @gallery.default
    def _no_folder(self) -> Gallery:
        return Gallery(self.device_id)

    @booted_at.default
    def _now(self) -> int:
        return self.clock.now()

    def run(self, order: Order) -> Outcome:
        """Do what is ordered; return what came of it."""
        answer = ENDPOINTS.get(order.endpoint)
        if answer is None:
            return Outcome(error=f"Invalid endpoint: {order.endpoint}")
        try:
            said = answer(self, order)
        except Refused as refused:
            return Outcome(error=str(refused))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            # Fields of a wrong type: a device says so rather than stopping.
            return Outcome(error=f"Invalid parameters: {type(error).__name__}")
        return said if isinstance(said, Outcome) else Outcome(response=said)


Answer = Callable[[Firmware, Order], Any]


def _execute_actions(device: Firmware, order: Order) -> dict[str, Any]:
    actions = order.fields()["actions"]
    opening = [a for a in actions if a["action"] in ("door", "sec_box", "catra")]
    device.openings += len(opening)
    return {
        "actions": [
            {
                "action": each["action"],
                "status": "allowed" if each in opening else "denied",
            }
            for each in actions
        ]
    }


def _system_information(device: Firmware, order: Order) -> dict[str, Any]:  # noqa: ARG001
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
        "time": (now + device.ahead) // SECOND,
        "memory": {"disk": {"free": 1_000_000, "total": 4_000_000}},
        "network": {"ip": "192.168.0.129", "netmask": "255.255.255.0"},
        "serial": f"SIM/{device.device_id:06X}",
        "version": device.version,
        "device_id": str(device.device_id),
        "online": False,
    }


def _set_system_time(device: Firmware, order: Order) -> dict[str, Any]:
    told = order.fields()
    year, month, day = told["year"], told["month"], told["day"]
    hour, minute, second = told["hour"], told["minute"], told["second"]
    # The device knows no zone; it takes what it is told for the local time.
    local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    device.ahead = from_datetime(local) - device.clock.now()
    return {}


def _message_to_screen(device: Firmware, order: Order) -> dict[str, Any]:
    device.message = str(order.fields()["message"])
    return {}


def _remote_enroll(device: Firmware, order: Order) -> Outcome:
    fields = order.fields()
    said = {"success": True, "user_id": fields["user_id"], "type": fields["type"]}
    said["device_id"] = str(device.device_id)
    return Outcome(response=said, after=ENROLL if fields.get("sync") else 0.0)


def _reboot(device: Firmware, order: Order) -> Outcome:  # noqa: ARG001
    device.booted_at = device.clock.now()
    return Outcome(silent=True, quiet=REBOOT)


def _firmware_load(device: Firmware, order: Order) -> dict[str, Any]:
    device.loaded = str(order.fields()["version"])
    return {}


def _firmware_install(device: Firmware, order: Order) -> Outcome:  # noqa: ARG001
    if device.loaded is None:
        raise Refused("No firmware was loaded")
    device.version, device.loaded = device.loaded, None
    return Outcome(response={})


def _reset(device: Firmware, order: Order) -> Outcome:
    device.objects = Objects()
    device.gallery.images.clear()
    return _reboot(device, order)


ENDPOINTS: Mapping[str, Answer] = MappingProxyType(
    {
        "load_objects": lambda d, o: d.objects.load(o.fields()),
        "create_objects": lambda d, o: d.objects.create(o.fields()),
        "create_or_modify_objects": lambda d, o: d.objects.create_or_modify(o.fields()),
        "modify_objects": lambda d, o: d.objects.modify(o.fields()),
        "destroy_objects": lambda d, o: d.objects.destroy(o.fields()),
        "execute_actions": _execute_actions,
        "get_configuration": lambda d, o: d.configuration.get(o.fields()),
        "set_configuration": lambda d, o: d.configuration.set(o.fields()),
        "system_information": _system_information,
        "set_system_time": _set_system_time,
        "message_to_screen": _message_to_screen,
        "user_set_image": lambda d, o: d.gallery.put(o),
        "user_set_image_list": lambda d, o: d.gallery.put_list(o.fields()),
        "user_get_image_list": lambda d, o: d.gallery.get_list(o.fields()),
        "user_list_images": lambda d, o: d.gallery.names(o),
        "user_destroy_image": lambda d, o: d.gallery.destroy(o.fields()),
        "remote_enroll": _remote_enroll,
        "cancel_remote_enroll": lambda d, o: {},  # noqa: ARG005
        "reboot": _reboot,
        "set_system_network": _reboot,
        "reset_to_factory_default": _reset,
        LOAD: _firmware_load,
        INSTALL: _firmware_install,
    }
)
