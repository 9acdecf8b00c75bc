"""What `tasks`, `upgrades` and `shadow` share: list, show, follow, steer, and make."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Annotated

from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.resource_kind import ResourceCall, ResourceKind
from pushserver.client import Client, Json, iter_items

EXPECTED_COLUMNS = ("deviceId", "name", "online", "lastSeenAt", "expectedAt")
#: A dry run tells people of this many devices when to expect them.
MAX_EXPECTED_ROWS = 20

FailureLimit = Annotated[int, Parameter(help="How many failures to show; 0 for all.")]
Command = Callable[..., Awaitable[int]]


def add_commands(app: App, kind: ResourceKind, help_texts: Mapping[str, str]) -> None:
    """Add the commands in *help_texts* to *app*, which has those of *kind*."""
    commands = {
        "list": _list_command(kind),
        "show": _show_command(kind),
        "follow": _follow_command(kind),
        "pause": _steer_command(kind, kind.pause),
        "resume": _steer_command(kind, kind.resume),
        "cancel": _steer_command(kind, kind.cancel),
    }
    for name, help_text in help_texts.items():
        app.command(commands[name], name=name, help=help_text)
    app.default(commands["list"])


def _list_command(kind: ResourceKind) -> Command:
    async def list_(*, limit: int = 50, context: InjectedContext) -> int:
        """
        List.

        Parameters
        ----------
        limit
            How many at most; 0 for all.
        """
        async with context.client() as client:
            tasks = iter_items(partial(kind.fetch_page, client), limit)
            rows = tasks if context.json else kind.to_rows(tasks)
            await context.print_stream(rows, kind.columns)
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
                print_resource(context, kind, task)
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


def _steer_command(kind: ResourceKind, change: ResourceCall) -> Command:
    async def steer(
        task_id: Annotated[str, Parameter(name=f"{kind.noun}_id")],
        /,
        *,
        context: InjectedContext,
    ) -> int:
        async with context.client() as client:
            print_resource(context, kind, await change(client, task_id))
        return 0

    return steer


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
    print_resource(context, kind, created)
    return 0


def print_resource(context: CliContext, kind: ResourceKind, task: Json) -> None:
    """Print a task or an upgrade."""
    context.print_fields(task if context.json else kind.to_row(task))


def _print_expected(context: CliContext, expected: Json) -> None:
    """Print who would be hit: as JSON, or for people those first that are away."""
    if context.json:
        context.print_json(expected)
        return
    devices, online = expected["devices"], expected["online"]
    context.print_line(f"Devices: {devices}, online: {online}. Nothing was begun.")
    items = sorted(expected["items"], key=itemgetter("online"))
    context.print_table(items[:MAX_EXPECTED_ROWS], EXPECTED_COLUMNS)
    if devices > MAX_EXPECTED_ROWS:
        context.print_note(f"{devices - MAX_EXPECTED_ROWS} more: --json shows all ids.")
