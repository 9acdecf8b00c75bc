"""One command to a device of `doctor`'s own and back, as devices get theirs.

It happens in a scope that is made for it and deleted with all that was in it: no device
of anybody gets anything, no subscription hears of it, and no list shows it. What stays
are two entries of the audit, the scope's beginning and its end: nobody evades that. The
scope of a doctor that was killed is deleted by a later one.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from urllib.parse import urlsplit

import aiohttp

from pushserver.cli.checks import Finding, Level
from pushserver.cli.context import CliError
from pushserver.client import ApiError, Client, ClientError, Json
from pushserver.simulate import DeviceHttpClient, SimulatedDevice

#: How the scopes are called, so that one that was left is recognised: no tenant is.
_NAME_PREFIX, _NAME_BYTES = "doctor-", 8
_NAME = re.compile(rf"{_NAME_PREFIX}[0-9a-f]{{{2 * _NAME_BYTES}}}")
#: No doctor takes longer, so that a scope that is older was left by one.
LEFT_AFTER = timedelta(minutes=10)
HTTP_FORBIDDEN = 403
HTTP_CONFLICT = 409
#: The ids of its devices, at the end of what ids may be. They are few: of each id that
#: was ever there a PostgreSQL keeps one row, the version of its lane.
FIRST_DEVICE, DEVICES = 2**63 - 1000, 16
_DEVICE_IDS = frozenset(str(FIRST_DEVICE + number) for number in range(DEVICES))
#: Seconds for the command to come back.
_PATIENCE = 10
#: Instants are the server's; its clock may be ahead of this one.
_PURGE_AHEAD = timedelta(days=1)


async def check_round_trip(client: Client, now: datetime) -> Finding:
    """Send a command to a device that answers at once, and judge what came back."""
    started_at = monotonic()
    try:
        await _delete_scopes_left(client, now - LEFT_AFTER)
        async with _own_scope(client) as own:
            state = await asyncio.wait_for(_send_and_answer(own), _PATIENCE)
    except ApiError as error:
        if error.status == HTTP_FORBIDDEN:
            return _left_out(error)
        return _failed(str(error))
    except (aiohttp.ClientError, ClientError, CliError, OSError) as error:
        return _failed(str(error) or type(error).__name__)
    except TimeoutError:
        return _failed(f"nothing came back within {_PATIENCE} s")
    if state != "SUCCESSFUL":
        return _failed(f"the command is {state}")
    took = (monotonic() - started_at) * 1000
    found = f"A simulated device was given a command and answered it, in {took:.0f} ms."
    return Finding(Level.OK, "roundTrip", found)


def _left_out(error: ApiError) -> Finding:
    found = f"No round trip was made: the token may not make a scope. {error.detail}"
    todo = (
        "Give the token of an administrator of the first scope for it, and one without"
        " `expiresAt`: what a scope's first token may do would outlast it."
    )
    return Finding(Level.NOTICE, "roundTrip", found, todo)


def _failed(reason: str) -> Finding:
    found = f"A command to a simulated device did not come back: {reason}."
    todo = (
        "Check that a proxy passes on /d/… as it is, and see the server's log; devices"
        " meet the same."
    )
    return Finding(Level.WRONG, "roundTrip", found, todo)


@asynccontextmanager
async def _own_scope(client: Client) -> AsyncIterator[Client]:
    """Make a scope for the length of the block; whatever happens, it is deleted."""
    name = _NAME_PREFIX + secrets.token_hex(_NAME_BYTES)
    scope = await client.scopes.create(name)
    try:
        async with Client(client.server, scope["token"], retry_for=0) as own:
            try:
                yield own
            finally:
                await _delete_everything(own)
    finally:
        await client.scopes.delete(scope["id"])


async def _delete_scopes_left(client: Client, before: datetime) -> None:
    """Delete the scopes that doctors made before that instant, and left."""
    for scope in (await client.scopes.list())["items"]:
        created_at = datetime.fromisoformat(scope["createdAt"])
        if _NAME.fullmatch(scope["name"]) and created_at < before:
            # Another doctor may be deleting the same one.
            with suppress(ApiError):
                await _delete_scope_left(client, scope["id"])


async def _delete_scope_left(client: Client, scope_id: str) -> None:
    token = await client.scopes.create_token(scope_id, "doctor", ["admin"])
    async with Client(client.server, token["token"], retry_for=0) as left:
        devices = (await left.devices.list())["items"]
        if not _DEVICE_IDS.issuperset(device["deviceId"] for device in devices):
            return  # whatever its name is, somebody works in it
        await _delete_everything(left)
    await client.scopes.delete(scope_id)


async def _send_and_answer(own: Client) -> str:
    """Let a device poll a command and answer it; return the command's state."""
    device_id = await _add_device(own)
    key = await own.devices.create_key(str(device_id))
    command = await own.commands.enqueue(
        str(device_id), {"endpoint": "system_information"}
    )
    async with aiohttp.ClientSession() as session:
        await _simulated_device(own, session, device_id, key).run_once()
    return str((await own.commands.get(command["id"], wait=1))["state"])


async def _add_device(own: Client) -> int:
    """Add one of the doctor's devices that no other doctor uses now; return its id."""
    for number in secrets.SystemRandom().sample(range(DEVICES), DEVICES):
        try:
            await own.devices.put(str(FIRST_DEVICE + number))
        except ApiError as error:
            if error.status != HTTP_CONFLICT:
                raise
        else:
            return FIRST_DEVICE + number
    raise CliError("all of the doctor's devices are in use")


def _simulated_device(
    own: Client, session: aiohttp.ClientSession, device_id: int, key: Json
) -> SimulatedDevice:
    http = DeviceHttpClient(
        server=own.server,
        session=session,
        prefix=urlsplit(key["path"]).path,
    )
    return SimulatedDevice(device_id=device_id, http=http)


async def _delete_everything(own: Client) -> None:
    """Delete the devices, and then the history of them."""
    for device in (await own.devices.list())["items"]:
        await own.devices.delete(device["deviceId"])
    before = (datetime.now(UTC) + _PURGE_AHEAD).isoformat()
    while not (await own.purge(before, allowFuture=True))["done"]:
        pass
