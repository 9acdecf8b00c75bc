"""What an operator wants to see at a glance, over the API."""

from aiohttp import web

from pushserver.clock import rfc3339
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.services.statistics import Statistics
from pushserver.storage.statistics import Stock
from pushserver.web.api.call import ApiCall
from pushserver.web.api.rendering import optional_instant, render
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.statistics_types import (
    DatabaseOut,
    RowCountOut,
    StatisticsOut,
)
from pushserver.web.api.tags import Tag

routes = Routes(Tag.SERVER, Permission.METRICS_READ, Permission.METRICS_READ)


@routes("GET", "/statistics", "getStatistics", StatisticsOut, in_turn=True)
async def get_statistics(call: ApiCall[None, None]) -> web.StreamResponse:
    """
    Tell how many devices, commands and rows there are, and how old the backup is.

    It is of all servers, and of every scope: outside the first scope there is nothing.
    """
    services = call.services
    if call.scope_id != DEFAULT_SCOPE_ID:
        return json_response(StatisticsOut(at=rfc3339(services.clock.now())))
    return json_response(_statistics_out(await services.statistics.read()))


def _statistics_out(statistics: Statistics) -> StatisticsOut:
    return StatisticsOut(
        at=rfc3339(statistics.at),
        devices=dict(statistics.devices),
        commands={state.value: n for state, n in statistics.commands.items()},
        commands_last_day={
            state.value: n for state, n in statistics.stock.commands_last_day.items()
        },
        oldest_pending_at=optional_instant(statistics.oldest_pending_at),
        webhook_backlog=statistics.webhooks,
        webhook_backlog_since=optional_instant(statistics.oldest_webhook_at),
        database=_database_out(statistics.stock),
        last_backup_at=optional_instant(statistics.backup_at),
    )


def _database_out(stock: Stock) -> DatabaseOut:
    rows = [render(RowCountOut, each) for each in stock.rows]
    return DatabaseOut(size=stock.size, unused=stock.unused, rows=rows)
