"""Tasks, upgrades and operations at the console: their course, and why they failed."""

from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, LocalServer

TASK = {"targets": {"all": True}, "steps": [{"endpoint": "reboot"}]}


async def make_task(server: LocalServer) -> str:
    """Make a task of one device; return its id."""
    await server.api("PUT", f"/devices/{DEVICE}", {"name": "Dock"})
    return str((await server.api("POST", "/tasks", TASK)).json()["id"])


async def test_course(visitor: Visitor) -> None:
    """
    A task is paused, resumed and canceled; what does not fit its state is refused.
    """
    server = visitor.server
    path = f"/tasks/{await make_task(server)}"
    states, said = [], []
    for action in ("pause", "resume", "cancel", "pause"):
        answer = await visitor.send(f"{path}/{action}")
        said.append(answer.headers.get("Location", "").partition("said=")[2])
        states.append((await server.api("GET", path)).json()["state"])
    audit = (await server.api("GET", "/audit?targetKind=task")).json()["items"]

    assert ["PAUSED", "RUNNING", "CANCELED", "CANCELED"] == states
    assert ["task_pause", "task_resume", "task_cancel", ""] == said
    assert ["task.cancel", "task.resume", "task.pause"] == [
        each["action"] for each in audit[:3]
    ]


async def test_failure(visitor: Visitor) -> None:
    """
    A task says on which device it failed and why, to those who may read results; it
    is retried with one click.
    """
    server, reader = visitor.server, Visitor(visitor.server)
    path = f"/tasks/{await make_task(server)}"
    await server.poll()
    await server.services.write_behind.flush()
    await server.services.task_scheduler.advance()
    await server.poll()
    await server.post_result(b'{"error": "no such door"}')
    shown = (await visitor.get(path)).body
    await reader.sign_in(await server.create_token("operations:read"))
    hidden = (await reader.get(path)).body
    await visitor.send(f"{path}/retry")
    counts = (await server.api("GET", path)).json()["counts"]

    assert b"no such door" in shown
    assert b"no such door" not in hidden
    assert b"/retry" not in hidden
    assert (1, 0) == (counts["RUNNING"], counts["FAILED"])


async def test_cancel_operation(visitor: Visitor) -> None:
    """
    An operation is canceled; then there is nothing left to cancel.
    """
    server = visitor.server
    await server.api("PUT", f"/devices/{DEVICE}", {})
    body = {"deviceId": str(DEVICE), "resource": "users", "steps": TASK["steps"]}
    path = f"/operations/{(await server.api('POST', '/operations', body)).json()['id']}"
    offered = b"/cancel" in (await visitor.get(path)).body
    await visitor.send(f"{path}/cancel")
    page = (await visitor.get(path)).body

    assert offered
    assert b"/cancel" not in page
    assert b"canceled" in page
