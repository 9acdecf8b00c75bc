"""What `tasks`, `upgrades` and `shadow` share: list, show, follow, steer, and make."""

from collections.abc import Awaitable, Callable
from functools import partial
from operator import itemgetter
from typing import Annotated

from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.cli.resource_kind import ResourceKind
from pushserver.cli.task_options import ALL_TASKS, TaskFilters
from pushserver.client import Client, Json

EXPECTED_COLUMNS = ("deviceId", "name", "online", "lastSeenAt", "expectedAt")
#: A dry run tells people of this many devices when to expect them.
MAX_EXPECTED_ROWS = 20

FailureLimit = Annotated[int, Parameter(help="How many failures to show; 0 for all.")]
Command = Callable[..., Awaitable[int]]


def add_commands(
    app: App, kind: ResourceKind, *, list_: str, show: str, follow: str
) -> None:
    """Add list, show and follow of *kind*, with these help texts, to *app*."""
    list_command = _list_command(kind)
    app.command(list_command, name="list", help=list_)
    app.default(list_command)
    app.command(_show_command(kind), name="show", help=show)
    app.command(_follow_command(kind), name="follow", help=follow)


def _list_command(kind: ResourceKind) -> Command:
    async def list_(
        *,
        filters: Annotated[TaskFilters, Parameter(name="*")] = ALL_TASKS,
        page: PageOptionsArg = ONE_PAGE,
        context: InjectedContext,
    ) -> int:
        query = filters.query_params()
        async with context.client() as client:
            fetch = partial(kind.fetch_page, client)
            await print_list(
                context,
                client,
                fetch,
                kind.columns,
                page,
                to_row=kind.to_row,
                **query,
            )
        return 0

    return list_


def _show_command(kind: ResourceKind) -> Command:
    async def show(
        task_id: Annotated[str, Parameter(name=f"{kind.noun}_id")],
        /,
        *,
        failures: FailureLimit = 50,
        context: InjectedContext,
    ) -> int:
        async with context.client() as client:
            task = await kind.fetch(client, task_id)
            if not context.json:
                kind.print_resource(context, task)
            await following.print_failures(context, client, task, failures, kind)
        return 0

    return show


def _follow_command(kind: ResourceKind) -> Command:
    async def follow(
        task_id: Annotated[str, Parameter(name=f"{kind.noun}_id")],
        /,
        *,
        failures: FailureLimit = 50,
        context: InjectedContext,
    ) -> int:
        async with context.client() as client:
            task = await kind.fetch(client, task_id)
            return await following.follow(context, client, task, failures, kind)

    return follow


async def report_created(
    context: CliContext,
    client: Client,
    kind: ResourceKind,
    created: Json,
    followed_failures: int | None,
) -> int:
    """
    Print what was created, or who would be hit; return the exit code.

    It is followed to its end unless *followed_failures*, how many of its failures to
    show then, is None.
    """
    if created.get("dryRun"):
        _print_expected(context, created)
        return 0
    if followed_failures is not None:
        context.print_note(f"{kind.noun.capitalize()} {created['id']}")
        return await following.follow(context, client, created, followed_failures, kind)
    kind.print_resource(context, created)
    return 0


def _print_expected(context: CliContext, expected: Json) -> None:
    """Print who would be hit: as JSON, or for people those first that are away."""
    if context.json:
        context.print_json(expected)
        return
    devices, online = expected["devices"], expected["online"]
    context.print_line(f"Devices: {devices}, online: {online}. Nothing was begun.")
    items = sorted(expected["items"], key=itemgetter("online"))
    context.print_rows(items[:MAX_EXPECTED_ROWS], EXPECTED_COLUMNS)
    if devices > MAX_EXPECTED_ROWS:
        context.print_note(f"{devices - MAX_EXPECTED_ROWS} more: --json shows all ids.")
