"""A program that uses both clients as it should."""

from pushserver.client import ApiError, Client, Unreachable, WaitTimeout, sync
from pushserver.client.types import Command, CommandInput, Device, StepInput

DOOR: CommandInput = {
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
    "expiresIn": 10,
}
STEPS: list[StepInput] = [{"endpoint": "system_information"}]


def outcome(command: Command) -> str:
    """Say what came of a command."""
    result = command.get("result")
    said = result.get("response") if result else None
    return f"{command['id']} {command['state']} {said}"


def plain(url: str, token: str) -> list[str]:
    """Open a door, and list devices."""
    with sync.Client(url, token, retry_for=30) as client:
        command = client.commands.enqueue("478435", DOOR, wait=20)
        if command["state"] == "SUCCESSFUL":
            return [outcome(command)]
        try:
            command = client.commands.wait(command["id"], timeout=60)
        except WaitTimeout as late:
            return [str(late)]
        task = client.tasks.create({"tags": {"site": "north"}}, STEPS, concurrency=5)
        done: float = client.tasks.wait(task["id"])["done"]
        names = [name(each) for each in client.devices.iterate(online=True, limit=9)]
        return [outcome(command), f"{done:.0%}", *names]


def name(device: Device) -> str:
    """Return what people call a device."""
    return device.get("name", device["deviceId"])


async def asynchronous(url: str, token: str) -> str | None:
    """Watch for a refusal."""
    async with Client(url, token) as client:
        try:
            await client.commands.enqueue_many("478435", [DOOR, DOOR])
        except ApiError as error:
            return error.code if error.retry_after is None else None
        except Unreachable as error:
            return "perhaps" if error.may_have_arrived else "no"
        async for event in client.events(events=["command.status", "device.*"]):
            if event["type"] == "command.status":
                return event["data"]["commandId"]
            if event["type"] == "missed":
                return str(event.get("missed"))
    return None
