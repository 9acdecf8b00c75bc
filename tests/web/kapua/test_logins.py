"""The logins of Kapua's clients: a token is the key, and the session."""

from typing import Any

import attrs
import pytest

from tests.web.kapua.client import KapuaClient, KapuaOperation, kapua_id


def login_with(secret: str) -> dict[str, dict[str, Any]]:
    """Return both logins with a secret."""
    return {
        "/authentication/apikey": {"apiKey": secret},
        "/authentication/user": {"username": "kapua-sys", "password": secret},
    }


async def test_login(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """A token is taken as key and as password; the session that comes back works."""
    token_request = {"name": "of a client", "permissions": ["operations:read"]}
    created = (await kapua.server.api("POST", "/tokens", token_request)).json()
    own = kapua_id(int(created["id"]))
    nobody = attrs.evolve(kapua, token=None)
    for path, body in login_with(created["token"]).items():
        answer = await nobody.request("POST", path, body)
        session = answer.json()
        client = attrs.evolve(kapua, token=session["tokenId"])

        assert 200 == answer.status
        assert ("accessToken", own, "AQ", own) == (
            session["type"],
            session["id"],
            session["scopeId"],
            session["userId"],
        )
        assert "2026-01-01T00:00:01.000Z" == session["createdOn"]
        assert "expiresOn" not in session
        assert [operation.id] == await client.ids(operation.operations)


async def test_wrong_secret(kapua: KapuaClient) -> None:
    """A wrong secret is 401 with an empty body."""
    for secret in ("pst_wrong", "", " ", "é"):
        for path, body in login_with(secret).items():
            answer = await kapua.request("POST", path, body)
            assert (401, b"") == (answer.status, answer.body)


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{}", {"apiKey": 1, "password": 2}, {"username": "admin"}],
)
async def test_no_secret(kapua: KapuaClient, body: Any) -> None:
    """A login without a secret is 400, which names the field and shows nothing."""
    for path, name in (("apikey", "apiKey"), ("user", "password")):
        error = await kapua.error("POST", f"/authentication/{path}", body)
        assert ("illegalArgumentExceptionInfo", name, "") == (
            error["type"],
            error["argumentName"],
            error["argumentValue"],
        )
