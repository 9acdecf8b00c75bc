"""A refresh: the device is asked what it has."""

from tests.web.api.shadows import (
    DESIRED,
    get_services,
    refresh,
    run_command,
    service_statuses,
    set_desired,
)
from tests.web.local_server import DEVICE, LocalServer


async def test_refresh(server: LocalServer) -> None:
    """
    The device is asked for all that is known of, and what it has otherwise is shown.
    """
    await set_desired(server, DESIRED)
    await run_command(server)

    has = {"language": "en_US", "beep_sound_enabled": "1"}
    response = await refresh(server, general=has)

    assert [{"general": ["beep_sound_enabled", "language"]}] == response
    shown = (await get_services(server))["general"]
    assert (has, "pending", ["language"]) == (
        shown["reported"],
        shown["status"],
        shown["drift"],
    )
    assert await run_command(server) is None
    await set_desired(server, {"general": {}})
    assert {"general": {"language": "pt_BR"}} == await run_command(server)


async def test_refresh_in_sync(server: LocalServer) -> None:
    """
    What was read from the device and does not differ is in sync.
    """
    await set_desired(server, DESIRED)
    await run_command(server)

    await refresh(server, general={"language": "pt_BR", "beep_sound_enabled": "1"})

    assert {"general": "inSync"} == await service_statuses(server)


async def test_refresh_of_what_is_named(server: LocalServer) -> None:
    """
    The device is asked for properties that nobody knows of yet; what it lacks is gone.
    """
    await refresh(server, {"ntp": ["enabled", "timezone"]}, ntp={"enabled": "1"})

    shown = await get_services(server)
    assert ({"enabled": "1"}, "inSync") == (
        shown["ntp"]["reported"],
        shown["ntp"]["status"],
    )
    await refresh(server, ntp={})
    assert {} == await get_services(server)


async def test_refresh_replaces(server: LocalServer) -> None:
    """
    Of two refreshes one waits.
    """
    path = f"/devices/{DEVICE}/shadow/refresh"
    for _ in range(2):
        await server.api("POST", path, {"ntp": ["enabled"]})

    pending = await server.api("GET", f"/devices/{DEVICE}/commands?state=PENDING")
    assert 1 == len(pending.json()["items"])


async def test_nothing_to_refresh(server: LocalServer) -> None:
    """
    A device of which nothing is known is asked nothing.
    """
    assert [] == await refresh(server)
