"""`pushserver enqueue`: put a command into a device's queue."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import attrs
from cyclopts import Parameter

from pushserver.cli.api_fields import given_options
from pushserver.cli.context import CliContext, InjectedContext, UsageError
from pushserver.cli.pairs import parse_body, parse_json, parse_text_pairs
from pushserver.client import Client, Json, RequestPreferences
from pushserver.model.state import FINISHED, CommandState

#: Seconds that `--wait` without a number waits.
DEFAULT_WAIT = 120
#: Seconds that the server may hold one call.
LONG_POLL_SECONDS = 20
#: Seconds between two calls, even if the server holds none.
POLL_INTERVAL = 0.2
#: What is printed of a result.
_RESULT_FIELDS = ("response", "error", "refused", "unreadable")
#: The options that are fields of a command.
_COMMAND_OPTIONS = (
    "verb",
    "priority",
    "expires_in",
    "not_before",
    "response_timeout",
    "delivery",
    "max_attempts",
    "supersede",
)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class EnqueueOptions:
    """How the command is delivered; what is not given is left to the server."""

    body: str | None = None
    "The whole body as JSON, instead of key=value pairs."
    file: Path | None = None
    "A file whose bytes are the body, such as a photo."
    query: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "A parameter of the query string, key=value; may be repeated."
    verb: Literal["GET", "POST"] | None = None
    "The verb that the device uses."
    priority: int | None = None
    "From -100 to 100; the higher is handed out first."
    expires_in: int | None = None
    "Seconds after which it is not handed out any more."
    not_before: str | None = None
    "An instant (2026-11-20T13:00:00Z) before which it is not handed out."
    response_timeout: int | None = None
    "Seconds that the device has to answer."
    delivery: Literal["atLeastOnce", "atMostOnce"] | None = None
    "Whether it may be handed out again when no answer comes."
    max_attempts: int | None = None
    "How often it is handed out at most."
    supersede: str | None = None
    "A key: waiting commands of the device with the same key make room for this one."
    idempotency_key: str | None = None
    "The same key enqueues once, however often it is sent."
    wait: float | None = None
    "Wait for the outcome, [SECONDS] long (120); exit code 1 unless SUCCESSFUL."

    def api_fields(self, endpoint: str) -> dict[str, Any]:
        """Return the command's fields but its body, as the API names them."""
        fields: dict[str, Any] = {"endpoint": endpoint}
        if self.query:
            fields["queryString"] = urlencode(parse_text_pairs(self.query))
        return fields | given_options(self, _COMMAND_OPTIONS)


async def enqueue(
    device: str,
    endpoint: str,
    /,
    *pairs: str,
    options: Annotated[EnqueueOptions, Parameter(name="*")] = EnqueueOptions(),
    context: InjectedContext,
) -> int:
    """
    Put a command into a device's queue.

    pushserver enqueue 478435 load_objects object=users limit:=10 --wait

    Parameters
    ----------
    device
        The device's id.
    endpoint
        The command, such as load_objects.
    pairs
        The body: key=text and key:=json.
    options
        How the command is delivered.
    """
    async with context.client() as client:
        command = await _enqueue_command(client, device, endpoint, pairs, options)
        if options.wait is not None:
            command = await _wait_for_outcome(client, command, options.wait)
    _print_command(context, command)
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


async def _enqueue_command(
    client: Client,
    device: str,
    endpoint: str,
    pairs: Sequence[str],
    options: EnqueueOptions,
) -> Json:
    """Enqueue the command with a JSON body or with the bytes of a file."""
    sources = (bool(pairs), options.body is not None, options.file is not None)
    if sum(sources) > 1:
        raise UsageError("Give the body once: as key=value pairs, --body or --file.")
    preferences = RequestPreferences(idempotency_key=options.idempotency_key)
    fields = options.api_fields(endpoint)
    if options.file is not None:
        content = await asyncio.to_thread(options.file.read_bytes)
        return await client.commands.enqueue_bytes(device, content, fields, preferences)
    if pairs or options.body is not None:
        body = options.body
        fields["body"] = (
            parse_body(pairs) if body is None else parse_json(body, "--body")
        )
    return await client.commands.enqueue(device, fields, preferences)


async def _wait_for_outcome(client: Client, command: Json, max_seconds: float) -> Json:
    """Return the command once it is over, or as it is after *max_seconds*."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max_seconds
    while (
        command["state"] not in FINISHED and (remaining := deadline - loop.time()) > 0
    ):
        wait = min(LONG_POLL_SECONDS, math.ceil(remaining))
        command = await client.commands.get(command["id"], wait=wait)
        if command["state"] not in FINISHED:
            await asyncio.sleep(POLL_INTERVAL)
    return command


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
