"""`pushserver doctor`: look for what is commonly wrong, and say what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated

import attrs
from cyclopts import Parameter

from pushserver.cli import checks, fleet_checks, server_checks
from pushserver.cli.checks import Finding, Level
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.errors import MISSHAPEN, describe_misshapen
from pushserver.client import ApiError, Client, Json, Unreachable, iter_items
from pushserver.model.state import IN_FLIGHT

HTTP_FORBIDDEN = 403
#: Seconds for which a server may answer, in all.
PATIENCE = 300
#: The most items of a list that are looked at.
MAX_ITEMS = 200_000
_NO_PUSHSERVER = "Check that --server is a pushserver's address, and see its log."


async def doctor(
    *,
    no_round_trip: Annotated[bool, Parameter(negative=())] = False,
    context: InjectedContext,
) -> int:
    """
    Look at the server, the token and the fleet; exit code 1 if any is wrong.

    A line is `ok`, a `notice`, or `wrong`; only the last makes the exit code 1.

    Parameters
    ----------
    no_round_trip
        Send no command to a simulated device, in a scope of its own that is deleted at
        once; two entries of the audit stay of that.
    """
    has_errors = False
    try:
        async with asyncio.timeout(PATIENCE) as patience, context.client() as client:
            async for finding in _run_checks(
                client, context.token, round_trip=not no_round_trip
            ):
                has_errors = has_errors or finding.level is Level.WRONG
                _print_finding(context, finding)
    except TimeoutError:
        if not patience.expired():
            raise
        found = f"{context.server} has not answered everything in {PATIENCE} s."
        _print_finding(context, Finding(Level.WRONG, "server", found))
        return 1
    return int(has_errors)


async def _run_checks(
    client: Client, token: str | None, *, round_trip: bool
) -> AsyncIterator[Finding]:
    try:
        async for finding in _check_server(client):
            yield finding
        refusals = await _read_refusals(client)
        for finding in (
            checks.check_token(refusals),
            *checks.check_token_strength(token, client.server),
        ):
            yield finding
        for check in (_CHECKS[kind] for kind in _CHECKS if refusals[kind] is None):
            for finding in await check(client):
                yield finding
        if round_trip and refusals["commands"] is None:
            # It loads the simulated devices, which nothing else here needs.
            from pushserver.cli.round_trip import check_round_trip  # noqa: PLC0415

            yield await check_round_trip(client, datetime.now(UTC))
    except Unreachable as error:
        todo = "Start it with `pushserver serve`, or give --server its address."
        yield Finding(Level.WRONG, "server", str(error), todo)
    except (ApiError, *MISSHAPEN) as error:
        found = str(error) if isinstance(error, ApiError) else describe_misshapen(error)
        yield Finding(Level.WRONG, "api", found, _NO_PUSHSERVER)


async def _check_server(client: Client) -> AsyncIterator[Finding]:
    health = await client.probe("/healthz")
    now = datetime.now(UTC)
    yield checks.check_server(client.server, health, await client.openapi())
    yield checks.check_readiness(await client.probe("/readyz"))
    yield checks.check_clock(health, now)


async def _check_fleet(client: Client) -> list[Finding]:
    devices = [device async for device in iter_items(client.devices.list, MAX_ITEMS)]
    now = datetime.now(UTC)
    ids = fleet_checks.devices_to_inspect(devices, now)
    # Only a device that is asked for by itself comes with its unknown calls.
    details = [await client.devices.get(device_id) for device_id in ids]
    return [
        *server_checks.check_status(await client.status()),
        *fleet_checks.check_fleet(devices, now),
        *fleet_checks.check_addresses(devices),
        *fleet_checks.check_unknown_requests(details, now),
    ]


async def _check_commands(client: Client) -> list[Finding]:
    in_flight_pages = iter_items(
        client.commands.list, MAX_ITEMS, state=sorted(IN_FLIGHT)
    )
    commands = [command async for command in in_flight_pages]
    held_pages = iter_items(client.commands.list, MAX_ITEMS, held=True)
    held = [command async for command in held_pages]
    return [
        *fleet_checks.check_in_flight(commands, datetime.now(UTC)),
        *fleet_checks.check_held(held),
    ]


async def _check_webhooks(client: Client) -> list[Finding]:
    return checks.check_subscriptions((await client.subscriptions.list())["items"])


#: What is looked at, if the token may read that kind.
_CHECKS: Mapping[str, Callable[[Client], Awaitable[list[Finding]]]] = {
    "devices": _check_fleet,
    "commands": _check_commands,
    "subscriptions": _check_webhooks,
}


async def _read_refusals(client: Client) -> dict[str, ApiError | None]:
    """Return the refusal of reading each kind of resource, None if it is allowed."""
    calls: dict[str, Callable[[], Awaitable[Json]]] = {
        "devices": lambda: client.devices.list(limit=1),
        "commands": lambda: client.commands.list(limit=1),
        "results": lambda: client.results.list(limit=1),
        "subscriptions": client.subscriptions.list,
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
    # A server's words make no line of their own.
    context.print_line(" ".join(f"{finding.level:7} {finding.found}{todo}".split("\n")))
