"""New commands as programs read them, with what they should know of the device."""

from collections.abc import Sequence

from msgspec import UNSET

from pushserver.model.command import Command
from pushserver.model.device import Device
from pushserver.model.order import Order
from pushserver.model.token import Token
from pushserver.services.enqueue_warnings import enqueue_warnings
from pushserver.web.api.command_types import CommandOut, CommandsOut
from pushserver.web.api.command_views import command_out, without_order
from pushserver.web.api.responses import encode_json
from pushserver.web.services import Services


def render_created(
    device: Device,
    services: Services,
    is_array: bool,
    commands: Sequence[Command],
    *,
    reader: Token | None = None,
) -> bytes:
    """
    Render new commands, with what a program should know of their device.

    *reader* has not said itself what is ordered, and sees what it may read.
    """
    is_held = services.holds.find_waiting(device.device_id) is not None
    items = []
    for command in commands:
        assert command.order is not None  # noqa: S101 - a new command has its order
        out = created_out(device, services, is_held, command, command.order)
        items.append(out if reader is None else without_order(out, reader))
    return encode_json(CommandsOut(items=items) if is_array else items[0])


def created_out(
    device: Device, services: Services, is_held: bool, command: Command, order: Order
) -> CommandOut:
    """Render a new command, whose device polls at this moment if *is_held*."""
    return command_out(
        services.protocols,
        command,
        order,
        warnings=enqueue_warnings(device, command, is_held=is_held),
        device_seen=UNSET if device.last_seen_at is not None else False,
    )
