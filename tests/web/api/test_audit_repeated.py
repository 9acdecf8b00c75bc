"""What makes or ends something is an entry of the audit each, also within a minute."""

from tests.web.api.audit_log import audit
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer, Response

PATH = f"/devices/{DEVICE}"
COMMANDS = f"{PATH}/commands"


async def act(server: LocalServer, request: str, body: object = None) -> Response:
    """Send *request*, its method and its path, which is its id, too."""
    method, path = request.split()
    request_id = {"X-Request-Id": request.replace(" ", "_")[:64]}
    answer = await server.api(method, path, body, headers=request_id)
    assert answer.status < 300, answer.body
    return answer


async def requests_of(server: LocalServer, action: str) -> list[tuple[str, object]]:
    """Return the request of each entry, oldest first, and its detail."""
    entries = reversed(await audit(server, f"action={action}"))
    return [(each["requestId"], each.get("detail")) for each in entries]


async def test_cancels_of_a_device(server: LocalServer) -> None:
    """
    Each call that took back commands of a device has its entry, at once or in a minute.
    """
    endpoints = ("reboot", "load_objects", "x")
    for endpoint in endpoints:
        for _ in range(2):
            await server.enqueue({**LOAD_USERS, "endpoint": endpoint})

    await act(server, f"DELETE {COMMANDS}?endpoint=reboot")
    await act(server, f"DELETE {COMMANDS}?endpoint=load_objects")
    await act(server, "POST /commands/cancel", {"endpoint": "x"})
    await act(server, "POST /commands/cancel", {"endpoint": "x"})

    assert [
        (f"DELETE_{COMMANDS}?endpoint=reboot", {"commands": 2}),
        (f"DELETE_{COMMANDS}?endpoint=load_objects", {"commands": 2}),
        ("POST_/commands/cancel", {"commands": 2}),
    ] == await requests_of(server, "command.cancel")


async def test_the_same_command_again(server: LocalServer) -> None:
    """
    To take back what was taken back already is no entry of its own.
    """
    path = f"/commands/{(await server.enqueue())['id']}"
    await server.poll()
    for _ in range(3):
        await act(server, f"DELETE {path}")
    await act(server, f"DELETE {COMMANDS}")

    assert [(f"DELETE_{path}", {"times": 3})] == await requests_of(
        server, "command.cancel"
    )


async def test_new_keys(server: LocalServer) -> None:
    """
    Each key ends the one before: each has its entry.
    """
    await server.api("PUT", PATH, {})
    await act(server, f"POST {PATH}/key", {})
    await act(server, "POST /devices/keys", {"targets": {"all": True}})
    await act(server, f"POST {PATH}/key", {})

    assert [
        f"POST_{PATH}/key",
        "POST_/devices/keys",
        f"POST_{PATH}/key",
    ] == [request for request, _ in await requests_of(server, "device.key")]


async def test_new_secrets(server: LocalServer) -> None:
    """
    So has each secret of a subscription.
    """
    request = {"url": "https://9.9.9.9/", "events": ["command.status"]}
    made = (await server.api("POST", "/subscriptions", request)).json()["id"]
    rotate = f"/subscriptions/{made}/secret/rotate"
    for _ in range(2):
        await act(server, f"POST {rotate}")

    assert [(f"POST_{rotate}", None)] * 2 == await requests_of(
        server, "subscription.secret"
    )
