"""Operations over the API: listed in pages, and by what is known of them."""

from tests.each_case import each_case
from tests.web.api.operations import PHOTO, STEP, create_operation, run_step
from tests.web.local_server import DEVICE, LocalServer


async def test_list(server: LocalServer) -> None:
    """
    Operations are listed newest first, without their steps, in pages that link on.
    """
    created = [await create_operation(server, STEP) for _ in range(5)]
    ids = [each["id"] for each in reversed(created)]

    pages, path = [], "/operations?limit=2"
    for _ in range(3):
        answer = await server.api("GET", path)
        pages.append([item["id"] for item in answer.json()["items"]])
        assert all("steps" not in item for item in answer.json()["items"])
        cursor = answer.json().get("nextCursor")
        path = f"/operations?limit=2&cursor={cursor}"
        assert (cursor is not None) == ("Link" in answer.headers)

    assert [ids[:2], ids[2:4], ids[4:]] == pages
    assert cursor is None


async def test_filters(server: LocalServer) -> None:
    """
    They are listed by device, status, resource and task, alone and together.
    """
    here = await create_operation(server, STEP)
    await run_step(server)
    there = await create_operation(server, PHOTO, deviceId=5)
    body = {"targets": {"deviceIds": [5]}, "steps": [PHOTO]}
    task = (await server.api("POST", "/tasks", body)).json()

    async def found(query: str) -> list[str]:
        answer = await server.api("GET", f"/operations?{query}")
        assert 200 == answer.status, answer.body
        return [item["id"] for item in answer.json()["items"]]

    (part,) = await found(f"taskId={task['id']}")
    assert [here["id"]] == await found(f"deviceId={DEVICE}")
    assert [here["id"]] == await found("status=COMPLETED")
    assert [part, there["id"]] == await found("resource=photo&status=RUNNING")
    assert [part] == await found(f"deviceId=5&taskId={task['id']}")
    assert [] == await found("status=STALE")


@each_case(
    ("query", "pointer"),
    [
        ("status=DONE", "/status"),
        ("limit=0", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=x", "/cursor"),
        ("cursor=9999999999999999999", "/cursor"),
        ("deviceId=-1", "/deviceId"),
        ("taskId=x", "/taskId"),
        ("wrong=1", "/wrong"),
        ("limit=1&limit=2", "/limit"),
    ],
)
async def test_bad_query(server: LocalServer, query: str, pointer: str) -> None:
    """
    A query that is wrong is refused, and the parameter is named.
    """
    answer = await server.api("GET", f"/operations?{query}")

    assert (422, "invalid", pointer) == answer.problem


async def test_long_page(server: LocalServer) -> None:
    """
    A limit above a thousand is taken for a thousand.
    """
    answer = await server.api("GET", "/operations?limit=5000")

    assert (200, []) == (answer.status, answer.json()["items"])
