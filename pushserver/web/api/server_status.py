"""The server's status over the API."""

import shutil
import stat
from pathlib import Path

from aiohttp import web

from pushserver import __version__
from pushserver.clock import SECOND, rfc3339
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.web.api.access_types import (
    HostClockOut,
    IntegrityOut,
    ServerOut,
    StorageOut,
)
from pushserver.web.api.call import ApiCall
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.services import Services

routes = Routes(Tag.SERVER, Permission.DEVICES_READ, Permission.DEVICES_READ)


@routes("GET", "/server", "getServer", ServerOut, needs_store=False)
async def get_server(call: ApiCall[None, None]) -> web.StreamResponse:
    """Tell what this server is doing, and what it has refused."""
    services, is_first_scope = call.services, call.scope_id == DEFAULT_SCOPE_ID
    return json_response(
        ServerOut(
            version=__version__,
            started_at=rfc3339(services.started_at),
            now=rfc3339(services.clock.now()),
            devices=services.devices.count(call.scope_id),
            held_polls=count_held_polls(services, call.scope_id),
            counts=dict(services.counts) if is_first_scope else None,
            failing_workers=dict(services.worker_failures) if is_first_scope else None,
            integrity=_integrity(services) if is_first_scope else None,
            clocks=_host_clocks(services) if is_first_scope else None,
            storage=read_storage(services.database_file) if is_first_scope else None,
        )
    )


def count_held_polls(services: Services, scope_id: int) -> int:
    """Count the polls of a scope's devices that are held here."""
    return sum(
        services.devices.find(scope_id, hold.poll.device_id) is not None
        for hold in services.holds
    )


def _integrity(services: Services) -> IntegrityOut | None:
    outcome = services.integrity_check.outcome
    if outcome is None:
        return None
    return IntegrityOut(rfc3339(outcome.checked_at), list(outcome.faults))


def read_storage(file: Path | None) -> StorageOut | None:
    """Look at the SQLite file and those beside it; None if there is none."""
    if file is None:
        return None
    beside = [Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm")]
    try:
        stats = [each.stat() for each in beside if each.exists()]
        free = shutil.disk_usage(file.parent).free
    except OSError:
        return None
    return StorageOut(
        size=sum(each.st_size for each in stats),
        free=free,
        readable_by_others=any(each.st_mode & stat.S_IROTH for each in stats),
    )


def _host_clocks(services: Services) -> list[HostClockOut]:
    return [
        HostClockOut(
            host=each.host,
            ahead=each.ahead / SECOND,
            synchronized=each.is_synchronized,
        )
        for each in services.clock_watch.servers
    ]
