"""Tasks over the API: a dry run shows which devices a task would affect."""

from tests.web.api.operations import IDEMPOTENCY_HEADER, STEP
from tests.web.api.tasks import ALL, post_task
from tests.web.api.upgrades import PHASES
from tests.web.local_server import LocalServer


async def test_dry_run(server_with_devices: LocalServer) -> None:
    """
    A dry run shows the devices, which are online, and when to expect the others.
    """
    for _ in range(2):
        server_with_devices.clock.tick(seconds=10)
        await server_with_devices.poll("deviceId=1")
    await server_with_devices.api("PATCH", "/devices/1", {"name": "Front"})

    answer = await post_task(
        server_with_devices, targets={"deviceIds": [1, 4]}, dryRun=True
    )

    assert 200 == answer.status
    assert "Location" not in answer.headers
    assert {
        "dryRun": True,
        "devices": 2,
        "online": 1,
        "deviceIds": ["1", "4"],
        "items": [
            {
                "deviceId": "1",
                "name": "Front",
                "online": True,
                "lastSeenAt": "2026-01-01T00:00:20.000000Z",
                "expectedAt": "2026-01-01T00:00:30.000000Z",
            },
            {"deviceId": "4", "online": False},
        ],
    } == answer.json()
    assert [] == (await server_with_devices.api("GET", "/tasks")).json()["items"]
    assert [] == (await server_with_devices.api("GET", "/operations")).json()["items"]


async def test_dry_run_shows_devices(server_with_devices: LocalServer) -> None:
    """
    Names, and when devices polled, are in a dry run for who may read devices alone.
    """
    server = server_with_devices
    await server.poll("deviceId=1")
    await server.api("PATCH", "/devices/1", {"name": "Front"})
    one = {"targets": {"deviceIds": [1]}, "dryRun": True}
    calls = {
        ("POST", "/tasks"): {**one, "steps": [STEP]},
        ("POST", "/upgrades"): {**one, "targetVersion": "2", "phases": PHASES},
        ("PATCH", "/shadows"): {**one, "desired": {"general": {"language": "pt_BR"}}},
    }
    seen = {}
    for permissions in (["operations:write"], ["operations:write", "devices:read"]):
        token = await server.create_token(*permissions)
        for (method, path), body in calls.items():
            answer = await server.api(method, path, body, token=token)
            (item,) = answer.json()["items"]
            seen[path, len(permissions)] = set(item) & {"name", "lastSeenAt"}

    paths = [path for _, path in calls]
    assert {
        **{(path, 1): set() for path in paths},
        **{(path, 2): {"name", "lastSeenAt"} for path in paths},
    } == seen


async def test_dry_run_uses_no_key(server_with_devices: LocalServer) -> None:
    """
    A dry run leaves its key unused.
    """
    body = {"targets": ALL, "steps": [STEP]}
    await server_with_devices.api(
        "POST", "/tasks", {**body, "dryRun": True}, headers=IDEMPOTENCY_HEADER
    )
    created = await server_with_devices.api(
        "POST", "/tasks", body, headers=IDEMPOTENCY_HEADER
    )

    assert 201 == created.status


async def test_dry_run_of_many(server: LocalServer) -> None:
    """
    Of very many devices all ids are shown, and a thousand in full.
    """
    rows = b"\n".join(b'{"deviceId":%d}' % n for n in range(1, 1102))
    kind = {"Content-Type": "application/x-ndjson"}
    await server.api("POST", "/devices/import", rows, headers=kind)

    task = (await post_task(server, dryRun=True)).json()

    assert (1101, 1101, 1000) == (
        task["devices"],
        len(task["deviceIds"]),
        len(task["items"]),
    )
