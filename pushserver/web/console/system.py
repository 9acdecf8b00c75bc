"""The server itself: what runs, how fast it is, and whether its database is sound."""

from aiohttp import web

from pushserver import __version__
from pushserver.clock import server_time
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.services.latency_history import LatencySummary, Period
from pushserver.web.api.server_status import count_held_polls, read_storage
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.services import Services

pages = Pages()


@pages.page("/system", Permission.DEVICES_READ)
async def show_system(call: SignedInCall) -> web.StreamResponse:
    """Show this server; what is of all scopes, to those of the first alone."""
    services, is_first_scope = call.services, call.scope_id == DEFAULT_SCOPE_ID
    file = services.database_file
    statistics = None
    if is_first_scope and call.may(Permission.METRICS_READ):
        statistics = await services.statistics.read()
    return await call.render(
        "system.html",
        statistics=statistics,
        servers=[
            (each, server_time(each.since)) for each in await services.store.servers()
        ]
        if is_first_scope
        else [],
        backup_at=_newest_backup(services) if is_first_scope else None,
        is_first_scope=is_first_scope,
        services=services,
        release=__version__,
        devices=services.devices.count(call.scope_id),
        held_polls=count_held_polls(services, call.scope_id),
        file=file,
        storage=read_storage(file) if is_first_scope else None,
        latencies=await _latencies(call) if is_first_scope else (),
    )


def _newest_backup(services: Services) -> int | None:
    """Return when this server made its newest backup, in server time."""
    made_at = services.backups.last_made_at()
    return None if made_at is None else server_time(made_at)


async def _latencies(
    call: SignedInCall,
) -> list[tuple[LatencySummary, LatencySummary]]:
    """Return how long things took over the last hour and day, of each kind."""
    if not call.may(Permission.METRICS_READ):
        return []
    read = call.services.latency_history.read
    return [*zip(await read(Period.HOUR), await read(Period.DAY), strict=True)]
