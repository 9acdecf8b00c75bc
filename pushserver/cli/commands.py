"""`pushserver commands`: see what is queued and what came of it."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import attrs
from cyclopts import App, Parameter

from pushserver.cli import watching
from pushserver.cli.asking import YesOption, confirm
from pushserver.cli.choices import choose_each
from pushserver.cli.context import InjectedContext, UsageError
from pushserver.cli.id_commands import add_id_commands
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.cli.watching import WatchedList
from pushserver.client import Json, iter_items
from pushserver.model.state import CommandState

if TYPE_CHECKING:
    from pushserver.client.types import CancelInput

app = App(name="commands", help="List, show, cancel, release and retry commands.")

COLUMNS = (
    *("id", "deviceId", "endpoint", "state", "createdAt", "attempts", "finishedAt"),
    *("delivery", "priority", "expiresAt", "createdBy", "operationId", "supersede"),
)
_WATCHED = WatchedList(
    fetch=lambda client, **filters: client.commands.list(**filters),
    columns={
        "id": "id",
        "device": "deviceId",
        "endpoint": "endpoint",
        "state": "state",
        "attempts": "attempts",
        "created": "createdAt",
    },
    id_field="id",
    unsteady=("createdAt",),
)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class CommandFilters:
    """Which commands are meant."""

    state: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those in this state; may be repeated."
    device: str | None = None
    "Only those of this device."
    endpoint: str | None = None
    "Only those for this endpoint."
    created_before: str | None = None
    "Only those created before this instant (2026-11-20T13:00:00Z)."
    operation: str | None = None
    "Only those of this operation."
    supersede: str | None = None
    "Only those that were enqueued with this key."

    def api_fields(self) -> dict[str, Any]:
        """Return the filters that are given as the API names them."""
        fields = {
            "state": choose_each(self.state, CommandState, "state"),
            "deviceId": self.device,
            "endpoint": self.endpoint,
            "createdBefore": self.created_before,
            "operationId": self.operation,
            "supersede": self.supersede,
        }
        # An empty text, such as a shell's unset variable, matches nothing, not all.
        return {
            name: value for name, value in fields.items() if value not in (None, [])
        }


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class ListFilters(CommandFilters):
    """Which commands to list."""

    created_after: str | None = None
    "Only those created after this instant."
    held: Annotated[bool, Parameter(negative=())] = False
    "Only those that are held after a restore."
    created_by: str | None = None
    "Only those of the token with this id."
    include: Annotated[tuple[Literal["body"], ...], Parameter(negative=())] = ()
    "body: show also what is ordered, however long that is."

    def api_fields(self) -> dict[str, Any]:
        """Return the filters that are given as the API names them."""
        return super().api_fields() | {
            "createdAfter": self.created_after,
            "createdBy": self.created_by,
            "held": self.held or None,
            "include": self.include,
        }


@app.command(name="list")
@app.default
async def list_(
    *,
    filters: Annotated[ListFilters, Parameter(name="*")] = ListFilters(),
    page: PageOptionsArg = ONE_PAGE,
    context: InjectedContext,
) -> int:
    """List commands, newest first."""
    columns = (*COLUMNS, *filters.include)
    async with context.client() as client:
        await print_list(
            context, client, client.commands.list, columns, page, **filters.api_fields()
        )
    return 0


@app.command
async def watch(
    *,
    filters: Annotated[CommandFilters, Parameter(name="*")] = CommandFilters(),
    context: InjectedContext,
) -> int:
    """Show the newest commands as they are, again and again, until Ctrl-C."""
    await watching.watch(context, _WATCHED, filters.api_fields())
    return 0


add_id_commands(
    app,
    "command_id",
    {
        "show": (
            lambda client, command_id: client.commands.get(command_id),
            "Show one command with its deliveries and its result.",
        ),
        "retry": (
            lambda client, command_id: client.commands.retry(command_id),
            "Enqueue a new command like this one.",
        ),
    },
)


@app.command
async def cancel(
    *command_ids: str,
    filters: Annotated[CommandFilters, Parameter(name="*")] = CommandFilters(),
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    yes: YesOption = False,
    context: InjectedContext,
) -> int:
    """
    Take commands back: they are never handed out again.

    One command is shown as it stands then; of several, or of those that a filter
    matches, it is said how many they were.

    Parameters
    ----------
    command_ids
        The commands' ids; or use the options to choose them.
    filters
        Which commands, if not by their ids.
    dry_run
        Only count.
    """
    fields = filters.api_fields()
    if bool(command_ids) == bool(fields):
        raise UsageError("Give the ids of commands, or options that choose them.")
    async with context.client() as client:
        if len(command_ids) == 1 and not dry_run:
            answer: Json = await client.commands.cancel(command_ids[0])
        else:
            chosen = cast(
                "CancelInput", {"ids": [*command_ids]} if command_ids else fields
            )
            ask = bool(fields) and not yes
            answer = await client.commands.cancel_many(chosen, dry_run=dry_run or ask)
            number = sum(answer["states"].values())
            if ask and not dry_run and number:
                confirm(f"Take back {number} commands?")
                answer = await client.commands.cancel_many(chosen)
            elif not number:
                context.print_note("No such command can be taken back.")
    context.print_fields(answer)
    return 0


@app.command
async def release(
    *command_ids: str,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    yes: YesOption = False,
    context: InjectedContext,
) -> int:
    """
    Let commands be handed out that were held after a restore.

    Parameters
    ----------
    command_ids
        Which ones.
    all_
        Every command that is held.
    """
    if all_ == bool(command_ids):
        raise UsageError("Give ids of commands, or --all.")
    async with context.client() as client:
        ids = list(command_ids)
        if all_:
            held = iter_items(client.commands.list, held=True)
            ids = [command["id"] async for command in held]
            if not ids:
                context.print_note("No command is held.")
                return 0
            if not yes:
                confirm(f"Let {len(ids)} commands be handed out?")
        context.print_table(
            [await client.commands.release(each) for each in ids], COLUMNS
        )
    return 0


@app.command
async def result(command_id: str, /, *, context: InjectedContext) -> int:
    """Print a result's bytes as the device posted them; with --json, as understood."""
    async with context.client() as client:
        if context.json:
            command = await client.commands.get(command_id)
            context.print_json(command.get("result", {}))
        else:
            content, _ = await client.commands.result(command_id)
            context.print_bytes(content)
    return 0
