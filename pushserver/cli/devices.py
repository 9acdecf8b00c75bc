"""`pushserver devices`: the fleet."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import attrs
from cyclopts import App, Parameter

from pushserver.cli import watching
from pushserver.cli.api_fields import without_none
from pushserver.cli.asking import YesOption, confirm
from pushserver.cli.context import InjectedContext
from pushserver.cli.device_files import (
    STDOUT,
    FileArgument,
    export,
    import_,
    open_target,
)
from pushserver.cli.device_filters import ALL_DEVICES, DeviceListArg
from pushserver.cli.id_commands import add_id_commands
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.cli.pairs import parse_tags, without_tags
from pushserver.cli.task_options import NO_TARGETS, TargetOptions
from pushserver.cli.watching import WatchedList

if TYPE_CHECKING:
    from pushserver.client.types import TargetsInput

app = App(name="devices", help="List, add, change, adopt, import and export devices.")

COLUMNS = (
    *("deviceId", "name", "state", "online", "lastSeenAt", "tags", "queueDepth"),
    *("address", "pollPeriod", "hold", "keyed", "createdAt"),
)
_WATCHED = WatchedList(
    fetch=lambda client, **filters: client.devices.list(**filters),
    columns={
        "device": "deviceId",
        "name": "name",
        "state": "state",
        "last seen": "lastSeenAt",
        "queue": "queueDepth",
        "in flight": "inFlight.endpoint",
        "tags": "tags",
    },
    id_field="deviceId",
    unsteady=("lastSeenAt",),
)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class DeviceOptions:
    """What an administrator says of a device."""

    name: str | None = None
    "A name for people."
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "A tag, key=value; may be repeated."
    hold: float | None = None
    "Seconds to hold its polls."

    def api_fields(self) -> dict[str, Any]:
        """Return what is given, as the API names it."""
        tags = parse_tags(self.tag) or None
        return without_none({"name": self.name, "tags": tags, "hold": self.hold})


DeviceOptionsArg = Annotated[DeviceOptions, Parameter(name="*")]


@app.command(name="list")
@app.default
async def list_(
    *,
    filters: DeviceListArg = ALL_DEVICES,
    page: PageOptionsArg = ONE_PAGE,
    context: InjectedContext,
) -> int:
    """
    List devices.

    Parameters
    ----------
    filters
        Which ones.
    page
        How many.
    """
    query = filters.query_params()
    async with context.client() as client:
        await print_list(context, client, client.devices.list, COLUMNS, page, **query)
    return 0


@app.command
async def watch(
    *,
    filters: DeviceListArg = ALL_DEVICES,
    context: InjectedContext,
) -> int:
    """Show devices as they are, again and again, until Ctrl-C."""
    await watching.watch(context, _WATCHED, filters.query_params())
    return 0


add_id_commands(
    app,
    "device",
    {
        "show": (
            lambda client, device: client.devices.get(device),
            "Show one device.",
        ),
        "adopt": (
            lambda client, device: client.devices.adopt(device),
            "Vouch for a device that polled by itself and is in quarantine.",
        ),
    },
)


@app.command
async def add(
    device: str,
    /,
    *,
    options: DeviceOptionsArg = DeviceOptions(),
    context: InjectedContext,
) -> int:
    """Create a device, or replace what is known of it."""
    async with context.client() as client:
        context.print_fields(await client.devices.put(device, **options.api_fields()))
    return 0


@app.command(name="set")
async def set_(
    device: str,
    /,
    *,
    options: DeviceOptionsArg = DeviceOptions(),
    untag: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    context: InjectedContext,
) -> int:
    """
    Change some of a device's fields; a tag is added to those it has.

    Parameters
    ----------
    untag
        The key of a tag to take away, or key=value: only with that value; may be
        repeated.
    """
    fields = options.api_fields()
    async with context.client() as client:
        if options.tag or untag:
            known = (await client.devices.get(device))["tags"]
            fields["tags"] = without_tags(known, untag) | fields.get("tags", {})
        context.print_fields(await client.devices.patch(device, **fields))
    return 0


@app.command
async def remove(
    device: str, /, *, yes: YesOption = False, context: InjectedContext
) -> int:
    """Remove a device; what is pending for it is canceled, its history stays."""
    if not yes:
        confirm(f"Remove device {device}, and cancel what is pending for it?")
    async with context.client() as client:
        await client.devices.delete(device)
    context.print_fields({"deviceId": device, "removed": True})
    return 0


@app.command
async def key(
    device: str,
    /,
    *,
    enforce: bool | None = None,
    context: InjectedContext,
) -> int:
    """
    Make a key for a device; it is shown this once.

    Parameters
    ----------
    enforce
        Serve the device under this key alone from now on, and no more under an old one;
        --no-enforce: also without a key, until it first comes with this one. By default
        a device that was created before it polled needs its key at once, or the one
        that it used last.
    """
    async with context.client() as client:
        made = await client.devices.create_key(device, enforce=enforce)
    context.print_fields(made)
    if "url" not in made:
        context.print_note(
            "Put the address at which the device reaches the server before the path, or"
            " set PUSHSERVER_PUBLIC_URL of the server to it."
        )
    return 0


@app.command
async def keys(
    file: FileArgument = STDOUT,
    /,
    *,
    targets: TargetOptions = NO_TARGETS,
    enforce: bool | None = None,
    context: InjectedContext,
) -> int:
    """
    Make keys for many devices; they are shown this once, as CSV.

    Parameters
    ----------
    file
        What they are written into; - is the standard output.
    enforce
        As for one device.
    """
    meant = cast("TargetsInput", targets.api_fields())
    async with context.client() as client:
        with open_target(file) as target:
            target.write(await client.devices.create_keys(meant, enforce=enforce))
    return 0


app.command(name="import")(import_)
app.command(export)
