"""`pushserver doctor`: look for what is commonly wrong, and say what to do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import attrs

from pushserver.cli import checks
from pushserver.cli.checks import Finding, Level
from pushserver.cli.here import Here, InHere
from pushserver.client import ApiError, Client, Json, Unreachable, every
from pushserver.model.state import IN_FLIGHT

FORBIDDEN = 403


async def doctor(*, here: InHere) -> int:
    """Look at the server, the token and the fleet; exit code 1 if all is not well."""
    wrong = False
    async with here.client() as client:
        async for finding in _examined(client):
            wrong = wrong or finding.level is Level.WRONG
            _tell(here, finding)
    return int(wrong)


async def _examined(client: Client) -> AsyncIterator[Finding]:
    try:
        async for finding in _server(client):
            yield finding
        granted = await _granted(client)
        yield checks.token(granted)
        for finding in await _fleet(client) if granted["devices"] is None else ():
            yield finding
        for finding in await _commands(client) if granted["commands"] is None else ():
            yield finding
    except Unreachable as error:
        todo = "Start it with `pushserver serve`, or give --server its address."
        yield Finding(Level.WRONG, "server", str(error), todo)
    except ApiError as error:
        todo = "Check that --server is a pushserver's address, and see its log."
        yield Finding(Level.WRONG, "api", str(error), todo)


async def _server(client: Client) -> AsyncIterator[Finding]:
    health = await client.probe("/healthz")
    now = datetime.now(UTC)
    yield checks.served(client.server, health, await client.openapi())
    yield checks.ready(await client.probe("/readyz"))
    yield checks.clock(health, now)


async def _fleet(client: Client) -> list[Finding]:
    devices = [device async for device in every(client.devices)]
    now = datetime.now(UTC)
    ids = checks.suspects(devices, now)
    # Only a device that is asked for by itself comes with its unknown calls.
    looked_at = [await client.device(device_id) for device_id in ids]
    return [*checks.fleet(devices, now), *checks.misdirected(looked_at)]


async def _commands(client: Client) -> list[Finding]:
    held = every(client.commands, state=sorted(IN_FLIGHT))
    commands = [command async for command in held]
    return checks.in_flight(commands, datetime.now(UTC))


async def _granted(client: Client) -> dict[str, ApiError | None]:
    """Return for each kind of thing how reading it was refused, else None."""
    calls: dict[str, Callable[[], Awaitable[Json]]] = {
        "devices": lambda: client.devices(limit=1),
        "commands": lambda: client.commands(limit=1),
        "results": lambda: client.results(limit=1),
        "tokens": client.tokens,
    }
    granted: dict[str, ApiError | None] = {}
    for kind, call in calls.items():
        try:
            await call()
        except ApiError as error:
            if error.status not in (checks.UNAUTHORIZED, FORBIDDEN):
                raise
            granted[kind] = error
        else:
            granted[kind] = None
    return granted


def _tell(here: Here, finding: Finding) -> None:
    if here.json:
        here.object({k: v for k, v in attrs.asdict(finding).items() if v})
        return
    todo = f" {finding.todo}" if finding.todo else ""
    here.line(f"{finding.level:7} {finding.found}{todo}")
