"""`pushserver audit`: read who did what, or follow it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.backoff import retry_while_unreachable
from pushserver.cli.context import CliContext, InjectedContext, format_cell
from pushserver.client import MAX_PAGE_SIZE, Client, Json, iter_items

#: Seconds between two looks for new entries.
POLL_INTERVAL = 1.0


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class AuditFilters:
    """Which entries to print."""

    actor: str | None = None
    "Only what this token did, by its id, or the server itself: server."
    action: str | None = None
    "Only this action, such as command.create or token.revoke."
    target_kind: str | None = None
    "Only what was done to a command, operation, task, device, token, scope, …"
    target: str | None = None
    "Only what was done to the one with this id."
    device: str | None = None
    "Only what concerns this device."
    created_after: str | None = None
    "Only what was done after this instant (2026-11-20T13:00:00Z)."
    created_before: str | None = None
    "Only what was done before this instant."
    limit: int = 50
    "How many at most; 0 for all. With --follow, how many of before."

    def query_params(self) -> dict[str, Any]:
        """Return the filters as the API names them."""
        return {
            "actor": self.actor,
            "action": self.action,
            "targetKind": self.target_kind,
            "targetId": self.target,
            "deviceId": self.device,
            "createdAfter": self.created_after,
            "createdBefore": self.created_before,
        }


def audit(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[AuditFilters, Parameter(name="*")] = AuditFilters(),
    context: InjectedContext,
) -> int:
    """
    Print who did what, newest first; the token needs the permission admin.

    Parameters
    ----------
    follow
        Print what there was, oldest first, and then what is done, until Ctrl-C.
    filters
        Which entries to print.
    """
    try:
        asyncio.run(_print_entries(context, filters, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise
    return 0


async def _print_entries(
    context: CliContext, filters: AuditFilters, *, follow: bool
) -> None:
    async with context.client() as client:
        entries = _follow(client, filters) if follow else _read(client, filters)
        async for entry in entries:
            if context.json:
                context.print_json(entry)
            else:
                context.print_line(_format_entry(entry))


def _read(client: Client, filters: AuditFilters) -> AsyncIterator[Json]:
    return iter_items(client.audit.list, filters.limit, **filters.query_params())


async def _follow(client: Client, filters: AuditFilters) -> AsyncGenerator[Json, None]:
    """Yield entries as they are made, without end; wait for a server that is away."""
    newest = (await client.audit.list(limit=1))["items"]
    after = newest[0]["id"] if newest else "0"
    earlier = [entry async for entry in _read(client, filters)]
    for entry in reversed(earlier):
        yield entry
        after = str(max(int(after), int(entry["id"])))
    fetch = partial(client.audit.list, limit=MAX_PAGE_SIZE, **filters.query_params())
    while True:
        answer = await retry_while_unreachable(partial(fetch, after=after))
        for entry in answer["items"]:
            yield entry
            after = entry["id"]
        if len(answer["items"]) < MAX_PAGE_SIZE:
            await asyncio.sleep(POLL_INTERVAL)


def _format_entry(entry: Json) -> str:
    """Return an entry in one line for people."""
    actor = entry.get("actor", {})
    target = entry.get("target")
    detail = entry.get("detail", {})
    parts = [
        entry["at"],
        f"{actor.get('name', '?')} ({actor.get('tokenId', 'no token')})",
        entry["action"],
        f"{target['kind']} {target['id']}" if target else "",
        entry.get("endpoint", ""),
        " ".join(f"{name}={format_cell(value)}" for name, value in detail.items()),
        f"from {entry['address']}" if "address" in entry else "",
    ]
    return "  ".join(filter(None, parts))
