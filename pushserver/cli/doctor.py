"""`pushserver doctor`: look for what is commonly wrong, and say what to do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import attrs

from pushserver.cli import checks, server_checks
from pushserver.cli.checks import Finding, Level
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.client import ApiError, Client, Json, Unreachable, iter_items
from pushserver.model.state import IN_FLIGHT

HTTP_FORBIDDEN = 403


async def doctor(*, context: InjectedContext) -> int:
    """Look at the server, the token and the fleet; exit code 1 if all is not well."""
    has_errors = False
    async with context.client() as client:
        async for finding in _run_checks(client):
            has_errors = has_errors or finding.level is Level.WRONG
            _print_finding(context, finding)
    return int(has_errors)


async def _run_checks(client: Client) -> AsyncIterator[Finding]:
    try:
        async for finding in _check_server(client):
            yield finding
        refusals = await _read_refusals(client)
        yield checks.check_token(refusals)
        if refusals["devices"] is None:
            for finding in server_checks.check_status(await client.status()):
                yield finding
            for finding in await _check_fleet(client):
                yield finding
        for finding in (
            await _check_commands(client) if refusals["commands"] is None else ()
        ):
            yield finding
    except Unreachable as error:
        todo = "Start it with `pushserver serve`, or give --server its address."
        yield Finding(Level.WRONG, "server", str(error), todo)
    except ApiError as error:
        todo = "Check that --server is a pushserver's address, and see its log."
        yield Finding(Level.WRONG, "api", str(error), todo)


async def _check_server(client: Client) -> AsyncIterator[Finding]:
    health = await client.probe("/healthz")
    now = datetime.now(UTC)
    yield checks.check_server(client.server, health, await client.openapi())
    yield checks.check_readiness(await client.probe("/readyz"))
    yield checks.check_clock(health, now)


async def _check_fleet(client: Client) -> list[Finding]:
    devices = [device async for device in iter_items(client.devices.list)]
    now = datetime.now(UTC)
    ids = checks.devices_to_inspect(devices, now)
    # Only a device that is asked for by itself comes with its unknown calls.
    details = [await client.devices.get(device_id) for device_id in ids]
    return [*checks.check_fleet(devices, now), *checks.check_unknown_requests(details)]


async def _check_commands(client: Client) -> list[Finding]:
    in_flight_pages = iter_items(client.commands.list, state=sorted(IN_FLIGHT))
    commands = [command async for command in in_flight_pages]
    held = [command async for command in iter_items(client.commands.list, held=True)]
    return [
        *checks.check_in_flight(commands, datetime.now(UTC)),
        *checks.check_held(held),
    ]


async def _read_refusals(client: Client) -> dict[str, ApiError | None]:
    """Return the refusal of reading each kind of resource, None if it is allowed."""
    calls: dict[str, Callable[[], Awaitable[Json]]] = {
        "devices": lambda: client.devices.list(limit=1),
        "commands": lambda: client.commands.list(limit=1),
        "results": lambda: client.results.list(limit=1),
        "tokens": client.tokens.list,
    }
    refusals: dict[str, ApiError | None] = {}
    for kind, call in calls.items():
        try:
            await call()
        except ApiError as error:
            if error.status not in (checks.HTTP_UNAUTHORIZED, HTTP_FORBIDDEN):
                raise
            refusals[kind] = error
        else:
            refusals[kind] = None
    return refusals


def _print_finding(context: CliContext, finding: Finding) -> None:
    if context.json:
        context.print_json({k: v for k, v in attrs.asdict(finding).items() if v})
        return
    todo = f" {finding.todo}" if finding.todo else ""
    context.print_line(f"{finding.level:7} {finding.found}{todo}")
