"""`pushserver audit`: read who did what, or follow it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.choices import choose
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.paging import ONE_PAGE, PageOptions, PageOptionsArg, print_list
from pushserver.cli.printing import format_exact
from pushserver.client import MAX_PAGE_SIZE, Client, Json, iter_items
from pushserver.client.backoff import retry_while_unreachable
from pushserver.model.audit import AuditAction, TargetKind

#: Seconds between two looks for new entries.
POLL_INTERVAL = 1.0
COLUMNS = ("at", "actor", "action", "target", "detail", "endpoint", "address", "id")


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
    scope: str | None = None
    "What was done in this scope, which was deleted."
    created_after: str | None = None
    "Only what was done after this instant (2026-11-20T13:00:00Z)."
    created_before: str | None = None
    "Only what was done before this instant."

    def query_params(self) -> dict[str, Any]:
        """Return the filters as the API names them."""
        return {
            "actor": self.actor,
            "action": self.action and choose(self.action, AuditAction, "action"),
            "targetKind": self.target_kind
            and choose(self.target_kind, TargetKind, "kind"),
            "targetId": self.target,
            "deviceId": self.device,
            "scopeId": self.scope,
            "createdAfter": self.created_after,
            "createdBefore": self.created_before,
        }


async def audit(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[AuditFilters, Parameter(name="*")] = AuditFilters(),
    page: PageOptionsArg = ONE_PAGE,
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
    page
        How many. With --follow, how many of before.
    """
    await _print_entries(context, filters, page, follow=follow)
    return 0


async def _print_entries(
    context: CliContext, filters: AuditFilters, page: PageOptions, *, follow: bool
) -> None:
    query = filters.query_params()
    async with context.client() as client:
        if not follow:
            fetch = client.audit.list
            await print_list(
                context, client, fetch, COLUMNS, page, to_row=_to_row, **query
            )
            return
        async for entry in _follow(client, query, page.count()):
            context.print_row(entry if context.json else _to_row(entry), COLUMNS)


async def _follow(
    client: Client, query: Mapping[str, Any], limit: int
) -> AsyncGenerator[Json, None]:
    """Yield entries as they are made, without end; wait for a server that is away."""
    newest = (await client.audit.list(limit=1))["items"]
    after = newest[0]["id"] if newest else "0"
    earlier = [e async for e in iter_items(client.audit.list, limit, **query)]
    for entry in reversed(earlier):
        yield entry
        after = str(max(int(after), int(entry["id"])))
    fetch = partial(client.audit.list, limit=MAX_PAGE_SIZE, **query)
    while True:
        answer = await retry_while_unreachable(partial(fetch, after=after))
        for entry in answer["items"]:
            yield entry
            after = entry["id"]
        if len(answer["items"]) < MAX_PAGE_SIZE:
            await asyncio.sleep(POLL_INTERVAL)


def _to_row(entry: Json) -> Json:
    """Return an entry as a row for people."""
    target = entry.get("target")
    detail = entry.get("detail", {})
    return {
        **entry,
        "target": f"{target['kind']} {target['id']}" if target else None,
        "detail": " ".join(f"{k}={format_exact(v, k)}" for k, v in detail.items()),
    }
