"""`pushserver openapi`: the API's description."""

import msgspec

from pushserver.cli.context import InjectedContext


async def openapi(*, context: InjectedContext) -> int:
    """Print the server's OpenAPI document."""
    async with context.client() as client:
        document = await client.openapi()
    if context.json or context.is_terminal:
        context.print_json(document)
    else:
        context.print_line(msgspec.json.format(msgspec.json.encode(document)).decode())
    return 0
