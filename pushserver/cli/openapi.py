"""`pushserver openapi`: the API's description."""

import msgspec

from pushserver.cli.here import InHere


async def openapi(*, here: InHere) -> int:
    """Print the server's OpenAPI document."""
    async with here.client() as client:
        document = await client.openapi()
    if here.json:
        here.object(document)
    else:
        here.line(msgspec.json.format(msgspec.json.encode(document)).decode())
    return 0
