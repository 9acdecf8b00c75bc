"""What happens in a demo: a program of its own, with the devices and who uses them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import attrs
import msgspec

from pushserver.client import ApiError, Client, Unreachable
from pushserver.simulate import FleetPlan, Journal, Quirks, SimulatedFleet

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput, StepInput

FIRST_ID = 478435
#: The devices: their names and sites. The last but one fails, the last goes offline.
DOORS = (
    ("Front door", "north"),
    ("Back door", "north"),
    ("Loading dock", "north"),
    ("Server room", "north"),
    ("Laboratory", "north"),
    ("Canteen", "south"),
    ("Car park", "south"),
    ("Warehouse", "south"),
    ("Old gate", "south"),
    ("Summer house", "south"),
)
DEVICES = tuple(str(FIRST_ID + number) for number in range(len(DOORS)))
FAILING, OFFLINE = DEVICES[-2], DEVICES[-1]
_PEOPLE = ("Ana Souza", "Bruno Lima", "Carla Dias", "Daniel Reis", "Elisa Nunes")
_USERS = {
    "object": "users",
    "values": [
        {"id": number, "name": name, "registration": str(number)}
        for number, name in enumerate(_PEOPLE, start=1001)
    ],
}
_OPEN_DOOR = {"actions": [{"action": "door", "parameters": "door=1"}]}
_NEW_FIRMWARE = {"version": "2.1"}


@attrs.frozen
class DemoSpeed:
    """How fast it goes: seconds between polls, and between two doors that open."""

    polls: float = 2.0
    doors: float = 6.0


async def play(
    client: Client, address: str, speed: DemoSpeed, stop: asyncio.Event
) -> None:
    """Show it until *stop*: first what is there already, then a door now and then."""
    await _add_devices(client)
    async with _polling(address, speed, DEVICES[:-1], stop):
        async with _polling(address, speed, [OFFLINE], asyncio.Event()):
            await _load_users(client)
        await _let_fail(client)
        await _open_doors(client, speed, stop)


async def _add_devices(client: Client) -> None:
    devices = [
        {"deviceId": device, "name": name, "tags": {"site": site}}
        for device, (name, site) in zip(DEVICES, DOORS, strict=True)
    ]
    await client.devices.import_file(b"\n".join(map(msgspec.json.encode, devices)))


@asynccontextmanager
async def _polling(
    address: str, speed: DemoSpeed, devices: Sequence[str], stop: asyncio.Event
) -> AsyncIterator[None]:
    """Let *devices* poll during the block, or until *stop*."""
    ended = asyncio.Event()
    journal = Journal(keep_entries=False)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for device in devices:
            plan = FleetPlan(
                server=address,
                devices=1,
                first_id=int(device),
                period=speed.polls,
                fixed_quirks=Quirks(failed_loads=float(device == FAILING)),
            )
            opened = SimulatedFleet.opened(plan, journal)
            fleet = await stack.enter_async_context(opened)
            group.create_task(fleet.run(ended))
        waiting = group.create_task(_forward(stop, ended))
        try:
            yield
        finally:
            ended.set()
            waiting.cancel()


async def _forward(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()


async def _load_users(client: Client) -> None:
    """Load users into every device, and wait until all of them have answered."""
    loading: CommandInput = {"endpoint": "create_objects", "body": _USERS}
    reading: CommandInput = {"endpoint": "load_objects", "body": {"object": "users"}}
    created = [
        each
        for device in DEVICES
        for each in await client.commands.enqueue_many(device, [loading, reading])
    ]
    for command in created:
        await client.commands.wait(command["id"])


async def _let_fail(client: Client) -> None:
    """Begin a task that fails on one device, and waits for another."""
    firmware: StepInput = {"endpoint": "firmware_load", "body": _NEW_FIRMWARE}
    await client.tasks.create(
        {"all": True}, [firmware], name="Firmware 2.1", expiresIn=86_400
    )


async def _open_doors(client: Client, speed: DemoSpeed, stop: asyncio.Event) -> None:
    rng = Random(1)  # noqa: S311 - each demo is the same
    while not stop.is_set():
        device = rng.choice(DEVICES[:-1])
        await client.commands.enqueue(
            device, {"endpoint": "execute_actions", "body": _OPEN_DOOR}
        )
        try:
            async with asyncio.timeout(speed.doors):
                await stop.wait()
        except TimeoutError:
            continue


async def _run(address: str, token: str) -> None:
    stop = asyncio.Event()
    async with Client(address, token) as client:
        await wait_until_serving(client)
        playing = asyncio.create_task(play(client, address, DemoSpeed(), stop))
        playing.add_done_callback(lambda _: stop.set())
        # Whoever started this holds the other end, and closes it by ending.
        await asyncio.to_thread(sys.stdin.buffer.read)
        stop.set()
        await playing


async def wait_until_serving(client: Client) -> None:
    """Wait until a server answers."""
    while True:
        try:
            await client.probe("/healthz")
        except Unreachable:
            await asyncio.sleep(0.1)
        else:
            return


def main() -> None:
    """Play the demo at the server that the first argument names."""
    try:
        asyncio.run(_run(sys.argv[1], os.environ["PUSHSERVER_TOKEN"]))
    except* (ApiError, Unreachable):
        # The server stopped first; there is nothing to show any more.
        sys.exit(1)


if __name__ == "__main__":
    main()
