"""Numbers that no parser can hold are no error, and what came with them is kept."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from tests.web.local_server import DEVICE, LocalServer

#: Over any float, in each way to write it; and what is no JSON at all.
NUMBERS = [
    "1e999",
    "9" * 308 + "e99",
    "0." + "0" * 400 + "1e99",
    "9" * 4000,
    "-" + "9" * 30,
    "NaN",
    "-Infinity",
]
#: How the device says it: as its value, as text, and where much else is.
FORMS = [
    '{"general": {"language": %s, "sound": "5"}}',
    '{"general": {"language": [%s], "sound": "5"}}',
    '{"general": {"sound": "5", "more": {"language": %s}}}',
]


def ways(kinds: Sequence[str]) -> list[tuple[str, str, str]]:
    """
    Return each number in each kind, with each way to send it; of large ones, which are
    read in a process of their own, two numbers in the first kind alone.
    """
    short = product(NUMBERS, kinds, ("plain", "string"))
    return [*short, (NUMBERS[0], kinds[0], "large"), ("NaN", kinds[0], "large")]


def name_of(part: str) -> str:
    """Return how a number, a kind or a way is called in the name of a case."""
    return part[:12]


def answer(text: str, how: str) -> bytes:
    """Return a result that carries *text*."""
    if how == "string":
        escaped = text.replace('"', '\\"')
        return f'{{"response": "{escaped}"}}'.encode()
    padding = " " * (1024 * 1024) if how == "large" else ""
    return f'{{"response": {text}{padding}}}'.encode()


async def send(server: LocalServer, body: bytes) -> dict[str, Any]:
    """Let the device answer its waiting command, and return that."""
    await server.poll()
    commands = (await server.api("GET", "/commands")).json()["items"]
    posted = await server.post_result(body)
    assert 200 == posted.status
    return await server.get_command(commands[0]["id"])


@pytest.mark.parametrize(("number", "form", "how"), ways(FORMS), ids=name_of)
async def test_shadow(server: LocalServer, number: str, form: str, how: str) -> None:
    """
    A shadow's read is taken with 200, its result is kept, and what is read is known.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    path = f"/devices/{DEVICE}/shadow"
    await server.api("POST", f"{path}/refresh", {"general": ["language", "sound"]})
    text = form % number

    command = await send(server, answer(text, how))
    shadow = (await server.api("GET", path)).json()
    kept = await server.api("GET", f"/commands/{command['id']}/result")

    assert number in kept.body.decode()
    assert command["state"] in ("SUCCESSFUL", "TIMEOUT")
    if command["state"] == "SUCCESSFUL":
        assert "5" == shadow["services"]["general"]["reported"]["sound"]
    assert 1 == len(await server.list_results())


@pytest.mark.parametrize(
    ("number", "endpoint", "how"),
    ways(["execute_actions", "load_objects", "x"]),
    ids=name_of,
)
async def test_command(
    server: LocalServer, number: str, endpoint: str, how: str
) -> None:
    """
    So it is with any other command, as an answer and as an error.
    """
    for text in (
        f'{{"success": {number}, "denied": {number}}}',
        f'{{"error": {number}, "code": {number}}}',
        number,
    ):
        await server.enqueue({"endpoint": endpoint})
        command = await send(server, answer(text, how))

        assert command["state"] in ("SUCCESSFUL", "FAILED", "TIMEOUT")
        assert "result" in command


@pytest.mark.parametrize("number", NUMBERS, ids=name_of)
async def test_desired(server: LocalServer, number: str) -> None:
    """
    A program that desires such a number is told so.
    """
    body = f'{{"general": {{"volume": {number}}}}}'.encode()

    patched = await server.api("PATCH", f"/devices/{DEVICE}/shadow", body)

    assert patched.status in (200, 400, 422)
