"""`pushserver tokens`: who may call the API."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import attrs
from cyclopts import App, Parameter

from pushserver.cli.asking import YesOption, ask, confirm
from pushserver.cli.choices import choose_each
from pushserver.cli.context import InjectedContext
from pushserver.cli.pairs import parse_tags
from pushserver.model.token import Permission

if TYPE_CHECKING:
    from pushserver.client.types import Permission as PermissionName

app = App(name="tokens", help="List, create and revoke tokens.")

COLUMNS = (
    *("id", "name", "permissions", "lastUsedAt", "expiresAt", "deviceIds", "tags"),
    "createdAt",
)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class TokenOptions:
    """For how long a token is valid, and for which devices."""

    expires_at: str | None = None
    "Until when it is valid: an instant (2027-01-31T00:00:00Z)."
    device: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only for this device; may be repeated."
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only for devices with this tag, key=value; may be repeated."

    def fields(self) -> dict[str, Any]:
        """Return the options as the API names them."""
        return {
            "expiresAt": self.expires_at,
            "deviceIds": [*self.device],
            "tags": parse_tags(self.tag),
        }


@app.command(name="list")
@app.default
async def list_(*, context: InjectedContext) -> int:
    """List the tokens, without their secrets."""
    async with context.client() as client:
        context.print_table((await client.tokens.list())["items"], COLUMNS)
    return 0


@app.command
async def create(
    name: str | None = None,
    /,
    *,
    permission: Annotated[tuple[str, ...], Parameter(negative=())],
    options: Annotated[TokenOptions, Parameter(name="*")] = TokenOptions(),
    context: InjectedContext,
) -> int:
    """
    Make a token; its secret is shown this once.

    Parameters
    ----------
    name
        What the token is for; asked for in a terminal.
    permission
        devices:read, devices:write, commands:read, commands:write, commands:door,
        operations:read, operations:write, results:read, events:read,
        subscriptions:read, subscriptions:write, tokens:write, metrics:read, or admin
        for all; may be repeated.
    options
        For how long it is valid, and for which devices.
    """
    permissions = choose_each(permission, Permission, "permission")
    allowed = cast("list[PermissionName]", permissions)
    if name is None:
        name = ask("What is the token for?", "Say what the token is for: give a name.")
    async with context.client() as client:
        token = await client.tokens.create(name, allowed, **options.fields())
        context.print_fields(token)
    return 0


@app.command
async def revoke(
    token_id: str,
    /,
    *,
    force: Annotated[bool, Parameter(negative=())] = False,
    yes: YesOption = False,
    context: InjectedContext,
) -> int:
    """
    Make a token worthless.

    Parameters
    ----------
    token_id
        Which one.
    force
        Also the last one that administers its scope.
    """
    if not yes:
        confirm(f"Revoke token {token_id}? Whoever uses it is refused from then on.")
    async with context.client() as client:
        await client.tokens.revoke(token_id, force=force)
    context.print_fields({"id": token_id, "revoked": True})
    return 0
