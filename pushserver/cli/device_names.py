"""The names of devices, to be shown instead of their ids."""

import asyncio
from collections.abc import Iterable, Sequence

from pushserver.cli.context import CliContext
from pushserver.client import ApiError, Client, Json

#: As many devices are asked for at the most; others are shown by their ids.
MAX_NAMES = 200
#: At most this many are read at the same time.
MAX_CONCURRENT = 8


async def fetch_names(
    context: CliContext, client: Client, items: Iterable[Json], columns: Sequence[str]
) -> dict[str, str]:
    """
    Return the names of the devices that *items* are about, as far as there are.

    There are none where programs read: they get ids.
    """
    is_read_by_people = context.is_terminal and not context.json
    if not is_read_by_people or "deviceId" not in columns or "name" in columns:
        return {}
    unnamed = {
        i["deviceId"] for i in items if "deviceId" in i and "deviceName" not in i
    }
    ids = sorted(unnamed)[:MAX_NAMES]
    if not ids or not await _may_read_devices(client):
        return {}
    semaphore = asyncio.Semaphore(MAX_CONCURRENT)

    async def fetch(device_id: str) -> str | None:
        async with semaphore:
            return await _name(client, device_id)

    names = await asyncio.gather(*map(fetch, ids))
    return {each: name for each, name in zip(ids, names, strict=True) if name}


async def _may_read_devices(client: Client) -> bool:
    try:
        await client.devices.list(limit=1)
    except ApiError:
        return False
    return True


async def _name(client: Client, device_id: str) -> str | None:
    """Return a device's name; None if it has none, or is no more."""
    try:
        name: str | None = (await client.devices.get(device_id)).get("name")
    except ApiError:
        return None
    return name
