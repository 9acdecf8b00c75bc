"""Commands that make one call of the API for one id, and print its answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from cyclopts import App, Parameter

from pushserver.cli.asking import YesOption, confirm
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.client import Client, Json

IdCall = Callable[[Client, str], Awaitable[Json]]
Show = Callable[[CliContext, Any], None]


def add_id_commands(
    app: App,
    id_name: str,
    commands: Mapping[str, tuple[IdCall, str]],
    show: Show = CliContext.print_fields,
) -> None:
    """Add *commands*, each with its call and its help, to *app*."""
    for name, (call, help_text) in commands.items():
        app.command(_id_command(id_name, call, show), name=name, help=help_text)


def add_asking_command(
    app: App,
    id_name: str,
    name: str,
    command: tuple[IdCall, str, str],
    show: Show = CliContext.print_fields,
) -> None:
    """Add *command*, with its call, its help and what it asks before, to *app*."""
    call, help_text, question = command
    run = _id_command(id_name, call, show)

    async def ask_and_run(
        item_id: Annotated[str, Parameter(name=id_name)],
        /,
        *,
        yes: YesOption = False,
        context: InjectedContext,
    ) -> Any:
        if not yes:
            confirm(question.format(item_id))
        return await run(item_id, context=context)

    app.command(ask_and_run, name=name, help=help_text)


def _id_command(id_name: str, call: IdCall, show: Show) -> Callable[..., Any]:
    async def run(
        item_id: Annotated[str, Parameter(name=id_name)], /, *, context: InjectedContext
    ) -> int:
        async with context.client() as client:
            show(context, await call(client, item_id))
        return 0

    return run
