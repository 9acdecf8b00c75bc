"""Shadows over the API: what is desired becomes commands, and is seen to be there."""

import pytest

from tests.web.api.shadows import (
    DESIRED,
    ERROR,
    get_services,
    patch_shadow,
    run_command,
    service_statuses,
    set_desired,
)
from tests.web.local_server import DEVICE, LocalServer


async def test_nothing_desired(server: LocalServer) -> None:
    """
    A device of which nothing is desired has an empty shadow.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await server.api("GET", f"/devices/{DEVICE}/shadow")

    assert {"deviceId": str(DEVICE), "version": 0, "services": {}} == answer.json()
    assert '"0"' == answer.headers["ETag"]


async def test_desired(server: LocalServer) -> None:
    """
    What is desired is shown as it was given, and is pending.
    """
    answer = await patch_shadow(server, DESIRED)

    shown = answer.json()["services"]["general"]
    command = await server.get_command(shown.pop("commandId"))
    assert {
        "desired": DESIRED["general"],
        "reported": {},
        "version": 1,
        "desiredAt": command["createdAt"],
        "status": "pending",
    } == shown
    assert ("set_configuration", "atLeastOnce", "PENDING") == (
        command["endpoint"],
        command["delivery"],
        command["state"],
    )
    assert (200, '"1"') == (answer.status, answer.headers["ETag"])


async def test_delivered(server: LocalServer) -> None:
    """
    The device is sent strings; when it has taken them, they are reported.
    """
    await set_desired(server, DESIRED)

    shadow = await run_command(server)

    assert {"general": {"language": "pt_BR", "beep_sound_enabled": "1"}} == shadow
    shown = (await get_services(server))["general"]
    assert "delivered" == shown["status"]
    assert {"language": "pt_BR", "beep_sound_enabled": "1"} == shown["reported"]
    assert await run_command(server) is None


async def test_failed(server: LocalServer) -> None:
    """
    When the device refuses, nothing of it is delivered, and its error is shown.
    """
    await set_desired(server, DESIRED)

    await run_command(server, ERROR)

    shown = (await get_services(server))["general"]
    assert ("failed", "Node or attribute not found.", {}) == (
        shown["status"],
        shown["error"],
        shown["reported"],
    )
    assert await run_command(server) is None


async def test_sent_again(server: LocalServer) -> None:
    """
    A patch that names a service sends its differences again.
    """
    await set_desired(server, DESIRED)
    await run_command(server, ERROR)

    shown = await set_desired(server, {"general": {}})

    assert (1, "pending") == (
        shown["version"],
        shown["services"]["general"]["status"],
    )
    assert DESIRED["general"].keys() == (await run_command(server))["general"].keys()


async def test_only_what_differs(server: LocalServer) -> None:
    """
    What the device has is not sent again; each service has a command of its own.
    """
    await set_desired(server, DESIRED)
    await run_command(server)

    await set_desired(server, {"general": {"language": "en_US"}, "ntp": {"enabled": 0}})

    assert [{"general": {"language": "en_US"}}, {"ntp": {"enabled": "0"}}] == [
        await run_command(server),
        await run_command(server),
    ]


async def test_same_text(server: LocalServer) -> None:
    """
    What the device has as the same string does not differ.
    """
    await set_desired(server, {"general": {"relay": True}})
    await run_command(server)

    for value in (1, "1", 1.0):
        await set_desired(server, {"general": {"relay": value}})

    assert await run_command(server) is None


async def test_newer_replaces(server: LocalServer) -> None:
    """
    A newer desired value replaces a queued one.
    """
    old = await set_desired(server, {"general": {"language": "en_US"}})
    new = await set_desired(server, {"general": {"language": "es_SP"}})

    first, second = [
        await server.get_command(each["services"]["general"]["commandId"])
        for each in (old, new)
    ]
    assert ("CANCELED", "PENDING") == (first["state"], second["state"])
    assert {"general": {"language": "es_SP"}} == await run_command(server)
    assert await run_command(server) is None


async def test_the_same_again(server: LocalServer) -> None:
    """
    What waits already is not queued anew.
    """
    one = await set_desired(server, DESIRED)
    other = await set_desired(server, DESIRED)

    assert one == other


async def test_in_flight_is_compared_again(server: LocalServer) -> None:
    """
    What is with the device runs to its end; then what moved meanwhile is sent.
    """
    await set_desired(server, {"general": {"language": "en_US"}})
    await server.poll(f"deviceId={DEVICE}")

    await set_desired(server, {"general": {"language": "es_SP"}})
    assert (await server.poll(f"deviceId={DEVICE}")).is_empty
    await server.post_result(b'{"response":{}}')
    await server.services.due_services.reconcile_due()

    assert {"general": {"language": "es_SP"}} == await run_command(server)
    assert {"general": "delivered"} == await service_statuses(server)


async def test_held_poll(server: LocalServer) -> None:
    """
    A poll that is held gets at once what is to be written.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 20})
    async with server.connect() as (reader, writer):
        writer.write(b"GET /push?deviceId=%d HTTP/1.1\r\nHost: x\r\n\r\n" % DEVICE)
        await server.wait_for_held_polls(1)

        await set_desired(server, DESIRED)

        assert b"200 OK" in await reader.readline()


async def test_removed(server: LocalServer) -> None:
    """
    Null takes a property away, or a service; the device keeps what it has.
    """
    await set_desired(server, {**DESIRED, "ntp": {"enabled": 1}})
    await run_command(server)
    await run_command(server)

    shown = await set_desired(server, {"general": {"language": None}, "ntp": None})

    desired = {name: one["desired"] for name, one in shown["services"].items()}
    assert {"general": {"beep_sound_enabled": True}, "ntp": {}} == desired
    assert 2 == shown["version"]
    assert await run_command(server) is None


async def test_removed_while_it_waits(server: LocalServer) -> None:
    """
    What is not desired any more is not sent.
    """
    await set_desired(server, DESIRED)

    shown = await set_desired(server, {"general": None})

    assert {} == shown["services"]
    assert await run_command(server) is None


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
async def test_content_types(server: LocalServer, kind: str) -> None:
    """
    A merge patch comes under its own name, or as JSON.
    """
    assert 200 == (await patch_shadow(server, DESIRED, Content_Type=kind)).status


@pytest.mark.parametrize("tag", ['"2"', "2", 'W/"2"', "*", '"9", "2"', '"1"'])
async def test_if_match(server: LocalServer, tag: str) -> None:
    """
    The version of the shadow will do, or that of what is named.
    """
    await set_desired(server, {"general": {"language": "en_US"}})
    await set_desired(server, {"ntp": {"enabled": 1}})

    answer = await patch_shadow(server, {"general": {"language": "x"}}, If_Match=tag)

    assert (200, 3) == (answer.status, answer.json()["version"])


@pytest.mark.parametrize("tag", ['"1"', '"3"', '"x"', "", '"'])
async def test_if_match_moved(server: LocalServer, tag: str) -> None:
    """
    If it moved, nothing is changed.
    """
    await set_desired(server, {"general": {"language": "en_US"}})
    await set_desired(server, {"general": {"language": "es_SP"}})

    answer = await patch_shadow(server, {"general": {"language": "x"}}, If_Match=tag)

    assert (412, "precondition-failed", None) == answer.problem
    shown = (await get_services(server))["general"]
    assert ({"language": "es_SP"}, 2) == (shown["desired"], shown["version"])


async def test_versions_never_fall(server: LocalServer) -> None:
    """
    All services share one counter, which never falls.
    """
    await set_desired(server, {"general": {"language": "en_US"}, "ntp": {"enabled": 1}})
    await set_desired(server, {"ntp": None})
    shown = await set_desired(server, {"general": {"language": "es_SP"}})

    versions = {name: one["version"] for name, one in shown["services"].items()}
    assert ({"general": 3}, 3) == (versions, shown["version"])


async def test_expiry(server: LocalServer) -> None:
    """
    A command that expired failed; it is sent again when the device is there again.
    """
    await set_desired(server, DESIRED, "?expiresIn=30")
    server.clock.tick(31)
    await server.expire_overdue()

    shown = (await get_services(server))["general"]
    assert ("failed", "It expired.") == (shown["status"], shown["error"])
    await server.services.due_services.reconcile_due()
    assert {"general": "failed"} == await service_statuses(server)

    await server.poll(f"deviceId={DEVICE}")
    await server.services.write_behind.flush()
    await server.services.due_services.reconcile_due()
    assert {"general": "pending"} == await service_statuses(server)
    assert DESIRED["general"].keys() == (await run_command(server))["general"].keys()


async def test_deleted_device(server: LocalServer) -> None:
    """
    The shadow goes with its device, also while the device is at work on it.
    """
    await set_desired(server, DESIRED)
    await server.poll(f"deviceId={DEVICE}")
    await server.api("DELETE", f"/devices/{DEVICE}")
    await server.post_result(b'{"response":{}}')

    await server.api("PUT", f"/devices/{DEVICE}", {})
    assert {} == await get_services(server)
    shown = await set_desired(server, DESIRED)
    assert 1 == shown["version"]


async def test_canceled_command(server: LocalServer) -> None:
    """
    Canceling the command of a service makes it fail.
    """
    shown = await set_desired(server, DESIRED)
    command_id = shown["services"]["general"]["commandId"]

    await server.api("DELETE", f"/commands/{command_id}")

    shown = (await get_services(server))["general"]
    assert ("failed", "Canceled.") == (shown["status"], shown["error"])
