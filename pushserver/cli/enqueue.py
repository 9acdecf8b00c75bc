"""`pushserver enqueue`: put a command into a device's queue."""

import asyncio
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Parameter

from pushserver.cli.asking import confirm
from pushserver.cli.command_body import CommandBody
from pushserver.cli.command_waiting import fetch_device, wait_for_outcome
from pushserver.cli.context import CliContext, InjectedContext, UsageError
from pushserver.cli.enqueue_many import enqueue_for_many, preview
from pushserver.cli.enqueue_options import DEFAULT_OPTIONS, EnqueueOptions
from pushserver.cli.outlook import explain_end, utc_now
from pushserver.client import ApiError, Client, Json
from pushserver.model.device import DeviceState
from pushserver.model.state import CommandState

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput, EnqueueBytesQuery

#: Seconds that `--wait` without a number waits.
DEFAULT_WAIT = 120
#: What is printed of a result.
_RESULT_FIELDS = ("response", "error", "refused", "unreadable")


async def enqueue(
    device: str,
    endpoint: str | None = None,
    /,
    *pairs: str,
    options: Annotated[EnqueueOptions, Parameter(name="*")] = DEFAULT_OPTIONS,
    context: InjectedContext,
) -> int:
    """
    Put a command into a device's queue.

    With --to, into those of many, as a task.

    pushserver enqueue 478435 load_objects object=users limit:=10 --wait

    pushserver enqueue --to tag:site=north load_objects object=users

    Parameters
    ----------
    device
        The device's id; not with --to.
    endpoint
        The command, such as load_objects.
    pairs
        The body: key=text and key:=json.
    options
        How the command is delivered.
    """
    words = [word for word in (device, endpoint, *pairs) if word is not None]
    target = words.pop(0) if options.to is None else options.to
    if not words:
        raise UsageError("Say which device, or --to which ones, and which endpoint.")
    name, *body_pairs = words
    fields = options.api_fields(name)
    body = await asyncio.to_thread(options.read_body, body_pairs)
    if options.to is not None or options.dry_run:
        many = options.for_many(target, fields, body)
        if options.dry_run:
            return await preview(context, many)
        return await enqueue_for_many(context, many, options.wait, options.yes)
    return await _enqueue_for_one(context, target, fields, body, options)


async def _enqueue_for_one(
    context: CliContext,
    device: str,
    fields: Json,
    body: CommandBody,
    options: EnqueueOptions,
) -> int:
    """Enqueue a command; wait for its outcome if that is asked for."""
    reason = None
    async with context.client() as client:
        await _adopt_if_meant(context, client, device, options.adopt)
        command = await _enqueue_command(
            context, client, device, fields, body, options.idempotency_key
        )
        if options.wait is not None:
            command = await wait_for_outcome(context, client, command, options.wait)
            seen = await fetch_device(client, command["deviceId"])
            reason = explain_end(command, seen, utc_now())
    _print_command(context, command)
    if reason:
        context.print_note(reason)
    return int(options.wait is not None and command["state"] != CommandState.SUCCESSFUL)


def expand_wait_flag(argv: Sequence[str]) -> list[str]:
    """Return *argv* with the default after each `--wait` that has no number."""
    arguments = list(argv)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for index in range(end):
        if arguments[index] == "--wait" and not _is_number(arguments, index + 1):
            arguments[index] = f"--wait={DEFAULT_WAIT}"
    return arguments


def _is_number(argv: Sequence[str], index: int) -> bool:
    try:
        return math.isfinite(float(argv[index]))
    except (IndexError, ValueError):
        return False


async def _adopt_if_meant(
    context: CliContext, client: Client, device: str, adopt: bool
) -> None:
    """
    Let the server create a device that it does not know only if that is meant.

    Raises:
        UsageError: it may be a typo, and nobody is there to ask.
    """
    if adopt:
        return
    try:
        known: Json = await client.devices.get(device)
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            confirm(f"No device {device} is known here. Create it?", "--adopt")
        return  # what else is wrong, the server says of the command, too
    if known["state"] == DeviceState.QUARANTINED:
        context.print_note(f"Device {device} is adopted with this.")


async def _enqueue_command(
    context: CliContext,
    client: Client,
    device: str,
    fields: Json,
    body: CommandBody,
    key: str | None,
) -> Json:
    """Enqueue the command with a JSON body or with the bytes of a file."""
    calls = client.commands
    try:
        if body.content is not None:
            query = cast("EnqueueBytesQuery", fields)
            return await calls.enqueue_bytes(
                device, body.content, query, idempotency_key=key
            )
        command = cast("CommandInput", {**fields, **body.fields})
        return await calls.enqueue(device, command, idempotency_key=key)
    except asyncio.CancelledError:
        context.print_note(
            "The server had not answered yet: the command may be enqueued all the same."
            f" See: pushserver commands --device {device}"
        )
        raise


def _print_command(context: CliContext, command: Json) -> None:
    """Print the command: complete as JSON, or a summary for people."""
    if context.json:
        context.print_json(command)
        return
    summary_names = ("id", "deviceId", "endpoint", "state", "expiresAt", "attempts")
    summary = {name: command[name] for name in summary_names if name in command}
    result = command.get("result", {})
    result_fields = {name: result[name] for name in _RESULT_FIELDS if name in result}
    context.print_fields({**summary, **result_fields})
    for replaced_id in command.get("superseded", ()):
        context.print_note(f"It takes the place of command {replaced_id}.")
    for warning in command.get("warnings", ()):
        context.print_note(warning)
