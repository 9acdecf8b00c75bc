"""`enqueue --to`: the same command for many devices, as a task of one step."""

import asyncio
from typing import TYPE_CHECKING

import attrs

from pushserver.cli.asking import confirm
from pushserver.cli.choices import nearest_first
from pushserver.cli.context import CliContext, CliError, UsageError
from pushserver.cli.pairs import parse_tags
from pushserver.cli.resource_kind import TASK_KIND
from pushserver.cli.task_commands import report_created
from pushserver.client import ApiError, Client, Json

if TYPE_CHECKING:
    from pushserver.client.types import StepInput, TargetsInput

ALL = "all"
_TAG_PREFIX = "tag:"
#: What `--to` takes, as it is explained.
_FORMS = ("tag:key=value", ALL, "478435,478436 (ids)")
_IDS_POINTER = "/targets/deviceIds/"
#: How many failures are shown at the end of `--wait`.
FAILURE_LIMIT = 50


@attrs.frozen(kw_only=True)
class CommandForMany:
    """A command as a step of a task, and the devices that get it."""

    to: str
    step: "StepInput"
    idempotency_key: str | None = None
    targets: "TargetsInput" = attrs.field(init=False)

    @targets.default
    def _targets(self) -> "TargetsInput":
        return parse_targets(self.to)

    async def preview(self, client: Client) -> Json:
        """
        Return who would get it; the server checks the command.

        Raises:
            UsageError: what should be a device's id is none.
        """
        try:
            return await client.tasks.preview(self.targets, [self.step])
        except ApiError as error:
            pointer = error.pointer or ""
            if not pointer.startswith(_IDS_POINTER):
                raise
            index = int(pointer.removeprefix(_IDS_POINTER))
            raise _no_devices(self.targets["deviceIds"][index]) from None

    async def create(self, client: Client) -> Json:
        """Enqueue it: each device gets it when it polls."""
        key = self.idempotency_key
        return await client.tasks.create(self.targets, [self.step], idempotency_key=key)


def parse_targets(to: str) -> "TargetsInput":
    """
    Return the devices that *to* means: `all`, ids, or `tag:key=value` with commas.

    Raises:
        UsageError: it is none of these.
    """
    if to == ALL:
        return {"all": True}
    names = [name for name in to.split(",") if name]
    tags = [name for name in names if name.startswith(_TAG_PREFIX)]
    if names and len(tags) == len(names):
        return {"tags": parse_tags(name.removeprefix(_TAG_PREFIX) for name in tags)}
    if tags or not names or ALL in names:
        raise _no_devices(to)
    return {"deviceIds": names}


def _no_devices(text: str) -> UsageError:
    forms = ", ".join(nearest_first(text, _FORMS))
    return UsageError(f"{text!r} means no devices; --to takes {forms}.")


async def preview(context: CliContext, many: CommandForMany) -> int:
    """Say which devices would get the command."""
    async with context.client() as client:
        expected = await many.preview(client)
        return await report_created(context, client, TASK_KIND, expected, None)


async def enqueue_for_many(
    context: CliContext, many: CommandForMany, wait: float | None, yes: bool
) -> int:
    """
    Enqueue the command, once it is confirmed for how many; return the exit code.

    Raises:
        CliError: there are no such devices, or it is not meant.
        UsageError: nobody is there to confirm it.
    """
    async with context.client() as client:
        expected = await many.preview(client)
        devices, online = expected["devices"], expected["online"]
        if not devices:
            raise CliError(f"No device is meant by {many.to}.")
        if not yes:
            noun = "device" if devices == 1 else "devices"
            name = many.step["endpoint"]
            confirm(f"Enqueue {name} for {devices} {noun}, {online} of them online?")
        task = await many.create(client)
        return await _report(context, client, task, wait)


async def _report(
    context: CliContext, client: Client, task: Json, wait: float | None
) -> int:
    """Print the task, or follow it for as long as *wait* says."""
    failures = None if wait is None else FAILURE_LIMIT
    try:
        async with asyncio.timeout(wait):
            return await report_created(context, client, TASK_KIND, task, failures)
    except TimeoutError:
        context.print_note(
            f"After {wait:g} s task {task['id']} goes on. Take it back with:"
            f" pushserver tasks cancel {task['id']}"
        )
        return 1
