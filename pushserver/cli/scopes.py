"""`pushserver scopes`: the tenants of one server."""

from cyclopts import App

from pushserver.cli.asking import YesOption, confirm
from pushserver.cli.context import InjectedContext

app = App(name="scopes", help="List, create and delete scopes, one for each tenant.")

COLUMNS = ("id", "name", "createdAt")


@app.command(name="list")
@app.default
async def list_(*, context: InjectedContext) -> int:
    """List the scopes that the token may know of."""
    async with context.client() as client:
        context.print_table((await client.scopes.list())["items"], COLUMNS)
    return 0


@app.command
async def create(name: str, /, *, context: InjectedContext) -> int:
    """
    Make a scope; its first token is shown this once.

    Parameters
    ----------
    name
        Whose scope it is.
    """
    async with context.client() as client:
        context.print_fields(await client.scopes.create(name))
    return 0


@app.command
async def delete(
    scope_id: str, /, *, yes: YesOption = False, context: InjectedContext
) -> int:
    """
    Delete a scope in which there is nothing but tokens; these become worthless.

    Parameters
    ----------
    scope_id
        Which one.
    """
    if not yes:
        confirm(f"Delete scope {scope_id}, and revoke its tokens?")
    async with context.client() as client:
        await client.scopes.delete(scope_id)
    context.print_fields({"id": scope_id, "deleted": True})
    return 0
