"""`pushserver devices`: the fleet."""

import sys
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import App, Parameter

from pushserver.cli.here import InHere, Usage
from pushserver.client import CSV, NDJSON, every

app = App(name="devices", help="List, add, change, adopt and import devices.")

COLUMNS = (
    "deviceId",
    "name",
    "state",
    "lastSeenAt",
    "address",
    "pollPeriod",
    "queueDepth",
    "tags",
)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Fields:
    """What an administrator says of a device."""

    name: str | None = None
    "A name for people."
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "A tag, key:value; may be repeated. They replace those it has."
    hold: float | None = None
    "Seconds to hold its polls."

    def body(self) -> dict[str, Any]:
        """Return what is given, as the API names it."""
        fields = {"name": self.name, "tags": _tags(self.tag), "hold": self.hold}
        return {name: value for name, value in fields.items() if value is not None}


GivenFields = Annotated[Fields, Parameter(name="*")]


@app.command(name="list")
@app.default
async def list_(
    *,
    state: str | None = None,
    tag: str | None = None,
    limit: int = 50,
    here: InHere,
) -> int:
    """
    List devices.

    Parameters
    ----------
    state
        Only those that are adopted, or quarantined.
    tag
        Only those with this tag, key:value.
    limit
        How many at most; 0 for all.
    """
    async with here.client() as client:
        wanted = every(client.devices, limit, state=state, tag=tag)
        await here.stream(wanted, COLUMNS)
    return 0


@app.command
async def show(device: str, /, *, here: InHere) -> int:
    """Show one device."""
    async with here.client() as client:
        here.show(await client.device(device))
    return 0


@app.command
async def add(device: str, /, *, fields: GivenFields = Fields(), here: InHere) -> int:
    """Create a device, or replace what is known of it."""
    async with here.client() as client:
        here.show(await client.put_device(device, **fields.body()))
    return 0


@app.command(name="set")
async def set_(device: str, /, *, fields: GivenFields = Fields(), here: InHere) -> int:
    """Change some of a device's fields."""
    async with here.client() as client:
        here.show(await client.patch_device(device, **fields.body()))
    return 0


@app.command
async def remove(device: str, /, *, here: InHere) -> int:
    """Remove a device; what is pending for it is canceled, its history stays."""
    async with here.client() as client:
        await client.delete_device(device)
    here.show({"deviceId": device, "removed": True})
    return 0


@app.command
async def adopt(device: str, /, *, here: InHere) -> int:
    """Vouch for a device that polled by itself and is in quarantine."""
    async with here.client() as client:
        here.show(await client.adopt(device))
    return 0


@app.command
async def key(
    device: str,
    /,
    *,
    enforce: Annotated[bool, Parameter(negative=())] = False,
    here: InHere,
) -> int:
    """
    Make a key for a device; it is shown this once.

    Parameters
    ----------
    enforce
        Serve the device under its key alone from now on.
    """
    async with here.client() as client:
        here.show(await client.make_key(device, enforce=enforce))
    return 0


@app.command(name="import")
async def import_(file: str, /, *, here: InHere) -> int:
    """
    Create or update devices from a file.

    Parameters
    ----------
    file
        CSV if it is named so, else one JSON object a line; - is the standard input.
    """
    content = _content(file)
    kind = CSV if file.lower().endswith(".csv") else NDJSON
    async with here.client() as client:
        here.show(await client.import_devices(content, kind))
    return 0


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _tags(pairs: tuple[str, ...]) -> dict[str, str] | None:
    """
    Return the tags in *pairs*; None when there are none.

    Raises:
        Usage: one is not key:value.
    """
    for pair in pairs:
        if not all(pair.partition(":")[:2]):
            raise Usage(f"{pair!r} is no tag: write key:value.")
    return {k: v for k, _, v in (pair.partition(":") for pair in pairs)} or None
