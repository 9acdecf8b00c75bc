"""A refresh: the device is asked what it has."""

from tests.web.api.shadows import (
    WANTED,
    desire,
    do,
    refresh,
    shadow,
    statuses,
)
from tests.web.site import DEVICE, Site


async def test_refresh(site: Site) -> None:
    """
    The device is asked for all that is known of, and what it has otherwise is shown.
    """
    await desire(site, WANTED)
    await do(site)

    has = {"language": "en_US", "beep_sound_enabled": "1"}
    asked = await refresh(site, general=has)

    assert [{"general": ["beep_sound_enabled", "language"]}] == asked
    shown = (await shadow(site))["general"]
    assert (has, "pending", ["language"]) == (
        shown["reported"],
        shown["status"],
        shown["drift"],
    )
    assert await do(site) is None
    await desire(site, {"general": {}})
    assert {"general": {"language": "pt_BR"}} == await do(site)


async def test_refresh_in_sync(site: Site) -> None:
    """
    What was read from the device and does not differ is in sync.
    """
    await desire(site, WANTED)
    await do(site)

    await refresh(site, general={"language": "pt_BR", "beep_sound_enabled": "1"})

    assert {"general": "inSync"} == await statuses(site)


async def test_refresh_of_what_is_named(site: Site) -> None:
    """
    The device is asked for properties that nobody knows of yet; what it lacks is gone.
    """
    await refresh(site, {"ntp": ["enabled", "timezone"]}, ntp={"enabled": "1"})

    shown = await shadow(site)
    assert ({"enabled": "1"}, "inSync") == (
        shown["ntp"]["reported"],
        shown["ntp"]["status"],
    )
    await refresh(site, ntp={})
    assert {} == await shadow(site)


async def test_refresh_replaces(site: Site) -> None:
    """
    Of two refreshes one waits.
    """
    path = f"/devices/{DEVICE}/shadow/refresh"
    for _ in range(2):
        await site.api("POST", path, {"ntp": ["enabled"]})

    pending = await site.api("GET", f"/devices/{DEVICE}/commands?state=PENDING")
    assert 1 == len(pending.json()["items"])


async def test_nothing_to_refresh(site: Site) -> None:
    """
    A device of which nothing is known is asked nothing.
    """
    assert [] == await refresh(site)
