"""Reads the audit of a scope, and makes tokens that act in it."""

from typing import Any

from tests.web.api.tenant import Tenant
from tests.web.local_server import LocalServer

Json = dict[str, Any]


async def audit(tenant: Tenant | LocalServer, query: str = "") -> list[Json]:
    """Return the entries that the tenant's audit lists."""
    answer = await tenant.api("GET", f"/audit?limit=1000&{query}")
    assert 200 == answer.status, answer.body
    items: list[Json] = answer.json()["items"]
    return items


async def token_of(server: LocalServer, name: str, *permissions: str) -> Json:
    """Make a token of the first scope; return it with its secret."""
    body = {"name": name, "permissions": list(permissions)}
    made: Json = (await server.api("POST", "/tokens", body)).json()
    return made
