"""`pushserver tokens`: who may call the API."""

from typing import Annotated

from cyclopts import App, Parameter

from pushserver.cli.context import InjectedContext

app = App(name="tokens", help="List, create and revoke tokens.")

COLUMNS = ("id", "name", "permissions", "createdAt")


@app.command(name="list")
@app.default
async def list_(*, context: InjectedContext) -> int:
    """List the tokens, without their secrets."""
    async with context.client() as client:
        context.print_table((await client.tokens.list())["items"], COLUMNS)
    return 0


@app.command
async def create(
    name: str,
    /,
    *,
    permission: Annotated[tuple[str, ...], Parameter(negative=())],
    context: InjectedContext,
) -> int:
    """
    Make a token; its secret is shown this once.

    Parameters
    ----------
    name
        What the token is for.
    permission
        devices:read, devices:write, commands:read, commands:write, commands:door,
        operations:read, operations:write, results:read, events:read,
        subscriptions:read, subscriptions:write, tokens:write, or admin for all; may be
        repeated.
    options
        For how long it is valid, and for which devices.
    """
    async with context.client() as client:
        context.print_fields(await client.tokens.create(name, permission))
    return 0


@app.command
async def revoke(token_id: str, /, *, context: InjectedContext) -> int:
    """Make a token worthless."""
    async with context.client() as client:
        await client.tokens.revoke(token_id)
    context.print_fields({"id": token_id, "revoked": True})
    return 0
