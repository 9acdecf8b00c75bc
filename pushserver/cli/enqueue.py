"""`pushserver enqueue`: put a command into a device's queue."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import attrs
from cyclopts import Parameter

from pushserver.cli.here import Here, InHere, Usage
from pushserver.cli.pairs import body_of, json_of, texts_of
from pushserver.client import Client, Enqueue, Json
from pushserver.model.state import OVER, State

#: Seconds that `--wait` waits unless it says how many.
WAIT = 120
#: Seconds for which one call is held by the server.
HELD = 20
#: Seconds between two questions, whatever the server does.
PACE = 0.2


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Options:
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
    idempotency_key: str | None = None
    "The same key enqueues once, however often it is sent."
    wait: float | None = None
    "Wait for the outcome, [SECONDS] long (120); exit code 1 unless SUCCESSFUL."

    def fields(self, endpoint: str) -> dict[str, Any]:
        """Return the command's fields but its body, as the API names them."""
        fields: dict[str, Any] = {
            "endpoint": endpoint,
            "verb": self.verb,
            "queryString": urlencode(texts_of(self.query)) or None,
            "priority": self.priority,
            "expiresIn": self.expires_in,
            "notBefore": self.not_before,
            "responseTimeout": self.response_timeout,
            "delivery": self.delivery,
            "maxAttempts": self.max_attempts,
        }
        return {name: value for name, value in fields.items() if value is not None}


async def enqueue(
    device: str,
    endpoint: str,
    /,
    *pairs: str,
    options: Annotated[Options, Parameter(name="*")] = Options(),
    here: InHere,
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
    async with here.client() as client:
        command = await _enqueued(client, device, endpoint, pairs, options)
        if options.wait is not None:
            command = await _outcome(client, command, options.wait)
    _show(here, command)
    return int(options.wait is not None and command["state"] != State.SUCCESSFUL)


def normalised(argv: Sequence[str]) -> list[str]:
    """Return *argv* with `--wait` given its default where no number follows."""
    spelled = list(argv)
    end = spelled.index("--") if "--" in spelled else len(spelled)
    for at in range(end):
        if spelled[at] == "--wait" and not _is_number(spelled, at + 1):
            spelled[at] = f"--wait={WAIT}"
    return spelled


def _is_number(argv: Sequence[str], at: int) -> bool:
    try:
        return math.isfinite(float(argv[at]))
    except (IndexError, ValueError):
        return False


async def _enqueued(
    client: Client,
    device: str,
    endpoint: str,
    pairs: Sequence[str],
    options: Options,
) -> Json:
    """Enqueue what the command line says, as JSON or as the bytes of a file."""
    sources = (bool(pairs), options.body is not None, options.file is not None)
    if sum(sources) > 1:
        raise Usage("Give the body once: as key=value pairs, --body or --file.")
    how = Enqueue(idempotency_key=options.idempotency_key)
    fields = options.fields(endpoint)
    if options.file is not None:
        content = await asyncio.to_thread(options.file.read_bytes)
        return await client.enqueue_bytes(device, content, fields, how)
    if pairs or options.body is not None:
        body = options.body
        fields["body"] = body_of(pairs) if body is None else json_of(body, "--body")
    return await client.enqueue(device, fields, how)


async def _outcome(client: Client, command: Json, seconds: float) -> Json:
    """Return the command as it is when it is over, or when the time is."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while command["state"] not in OVER and (left := until - loop.time()) > 0:
        held = min(HELD, math.ceil(left))
        command = await client.command(command["id"], wait=held)
        if command["state"] not in OVER:
            await asyncio.sleep(PACE)
    return command


def _show(here: Here, command: Json) -> None:
    """Print the command: all of it as JSON, for people what matters now."""
    if here.json:
        here.object(command)
        return
    wanted = ("id", "deviceId", "endpoint", "state", "expiresAt", "attempts")
    shown = {name: command[name] for name in wanted if name in command}
    result = command.get("result", {})
    said = {name: result[name] for name in ("response", "error") if name in result}
    here.show({**shown, **said})
    if command.get("deviceSeen") is False:
        here.note("This device has never polled.")
    for warning in command.get("warnings", ()):
        here.note(warning)
