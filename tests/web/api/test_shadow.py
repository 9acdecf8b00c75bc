"""Shadows over the API: what is desired becomes commands, and is seen to be there."""

import pytest

from tests.web.api.shadows import (
    ERROR,
    WANTED,
    desire,
    do,
    patch,
    shadow,
    statuses,
)
from tests.web.site import DEVICE, Site


async def test_nothing_desired(site: Site) -> None:
    """
    A device of which nothing is desired has an empty shadow.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})

    answer = await site.api("GET", f"/devices/{DEVICE}/shadow")

    assert {"deviceId": str(DEVICE), "version": 0, "services": {}} == answer.json()
    assert '"0"' == answer.headers["ETag"]


async def test_desired(site: Site) -> None:
    """
    What is desired is shown as it was given, and is pending.
    """
    answer = await patch(site, WANTED)

    shown = answer.json()["services"]["general"]
    command = await site.command(shown.pop("commandId"))
    assert {
        "desired": WANTED["general"],
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


async def test_delivered(site: Site) -> None:
    """
    The device is told strings; when it has taken them, they are reported.
    """
    await desire(site, WANTED)

    told = await do(site)

    assert {"general": {"language": "pt_BR", "beep_sound_enabled": "1"}} == told
    shown = (await shadow(site))["general"]
    assert "delivered" == shown["status"]
    assert {"language": "pt_BR", "beep_sound_enabled": "1"} == shown["reported"]
    assert await do(site) is None


async def test_failed(site: Site) -> None:
    """
    When the device refuses, nothing of it is delivered, and its error is shown.
    """
    await desire(site, WANTED)

    await do(site, ERROR)

    shown = (await shadow(site))["general"]
    assert ("failed", "Node or attribute not found.", {}) == (
        shown["status"],
        shown["error"],
        shown["reported"],
    )
    assert await do(site) is None


async def test_sent_again(site: Site) -> None:
    """
    Whoever names a service has sent again what differs.
    """
    await desire(site, WANTED)
    await do(site, ERROR)

    shown = await desire(site, {"general": {}})

    assert (1, "pending") == (
        shown["version"],
        shown["services"]["general"]["status"],
    )
    assert WANTED["general"].keys() == (await do(site))["general"].keys()


async def test_only_what_differs(site: Site) -> None:
    """
    What the device has is not sent again; each service has a command of its own.
    """
    await desire(site, WANTED)
    await do(site)

    await desire(site, {"general": {"language": "en_US"}, "ntp": {"enabled": 0}})

    assert [{"general": {"language": "en_US"}}, {"ntp": {"enabled": "0"}}] == [
        await do(site),
        await do(site),
    ]


async def test_same_text(site: Site) -> None:
    """
    What the device has as the same string does not differ.
    """
    await desire(site, {"general": {"relay": True}})
    await do(site)

    for value in (1, "1", 1.0):
        await desire(site, {"general": {"relay": value}})

    assert await do(site) is None


async def test_newer_replaces(site: Site) -> None:
    """
    A newer desired value replaces a queued one.
    """
    old = await desire(site, {"general": {"language": "en_US"}})
    new = await desire(site, {"general": {"language": "es_SP"}})

    first, second = [
        await site.command(each["services"]["general"]["commandId"])
        for each in (old, new)
    ]
    assert ("CANCELED", "PENDING") == (first["state"], second["state"])
    assert {"general": {"language": "es_SP"}} == await do(site)
    assert await do(site) is None


async def test_the_same_again(site: Site) -> None:
    """
    What waits already is not queued anew.
    """
    one = await desire(site, WANTED)
    other = await desire(site, WANTED)

    assert one == other


async def test_in_flight_is_compared_again(site: Site) -> None:
    """
    What is with the device runs to its end; then what moved meanwhile is sent.
    """
    await desire(site, {"general": {"language": "en_US"}})
    await site.push(f"deviceId={DEVICE}")

    await desire(site, {"general": {"language": "es_SP"}})
    assert (await site.push(f"deviceId={DEVICE}")).is_empty
    await site.result(b'{"response":{}}')
    await site.services.shadows.go_on()

    assert {"general": {"language": "es_SP"}} == await do(site)
    assert {"general": "delivered"} == await statuses(site)


async def test_held_poll(site: Site) -> None:
    """
    A poll that is held gets at once what is to be written.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {"hold": 20})
    async with site.line() as (reader, writer):
        writer.write(b"GET /push?deviceId=%d HTTP/1.1\r\nHost: x\r\n\r\n" % DEVICE)
        await site.held(1)

        await desire(site, WANTED)

        assert b"200 OK" in await reader.readline()


async def test_removed(site: Site) -> None:
    """
    Null takes a property away, or a service; the device keeps what it has.
    """
    await desire(site, {**WANTED, "ntp": {"enabled": 1}})
    await do(site)
    await do(site)

    shown = await desire(site, {"general": {"language": None}, "ntp": None})

    desired = {name: one["desired"] for name, one in shown["services"].items()}
    assert {"general": {"beep_sound_enabled": True}, "ntp": {}} == desired
    assert 2 == shown["version"]
    assert await do(site) is None


async def test_removed_while_it_waits(site: Site) -> None:
    """
    What is not desired any more is not sent.
    """
    await desire(site, WANTED)

    shown = await desire(site, {"general": None})

    assert {} == shown["services"]
    assert await do(site) is None


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
async def test_content_types(site: Site, kind: str) -> None:
    """
    A merge patch comes under its own name, or as JSON.
    """
    assert 200 == (await patch(site, WANTED, Content_Type=kind)).status


@pytest.mark.parametrize("tag", ['"2"', "2", 'W/"2"', "*", '"9", "2"', '"1"'])
async def test_if_match(site: Site, tag: str) -> None:
    """
    The version of the shadow will do, or that of what is named.
    """
    await desire(site, {"general": {"language": "en_US"}})
    await desire(site, {"ntp": {"enabled": 1}})

    answer = await patch(site, {"general": {"language": "x"}}, If_Match=tag)

    assert (200, 3) == (answer.status, answer.json()["version"])


@pytest.mark.parametrize("tag", ['"1"', '"3"', '"x"', "", '"'])
async def test_if_match_moved(site: Site, tag: str) -> None:
    """
    If it moved, nothing is changed.
    """
    await desire(site, {"general": {"language": "en_US"}})
    await desire(site, {"general": {"language": "es_SP"}})

    answer = await patch(site, {"general": {"language": "x"}}, If_Match=tag)

    assert (412, "precondition-failed", None) == answer.problem
    shown = (await shadow(site))["general"]
    assert ({"language": "es_SP"}, 2) == (shown["desired"], shown["version"])


async def test_versions_never_fall(site: Site) -> None:
    """
    One counter is for all services, and goes on where it was.
    """
    await desire(site, {"general": {"language": "en_US"}, "ntp": {"enabled": 1}})
    await desire(site, {"ntp": None})
    shown = await desire(site, {"general": {"language": "es_SP"}})

    versions = {name: one["version"] for name, one in shown["services"].items()}
    assert ({"general": 3}, 3) == (versions, shown["version"])


async def test_expiry(site: Site) -> None:
    """
    A command that expired failed; it is sent again when the device is there again.
    """
    await desire(site, WANTED, "?expiresIn=30")
    site.clock.tick(31)
    await site.deadlines()

    shown = (await shadow(site))["general"]
    assert ("failed", "It expired.") == (shown["status"], shown["error"])
    await site.services.shadows.go_on()
    assert {"general": "failed"} == await statuses(site)

    await site.push(f"deviceId={DEVICE}")
    await site.services.fleet.flush()
    await site.services.shadows.go_on()
    assert {"general": "pending"} == await statuses(site)
    assert WANTED["general"].keys() == (await do(site))["general"].keys()


async def test_deleted_device(site: Site) -> None:
    """
    The shadow goes with its device, also while the device is at work on it.
    """
    await desire(site, WANTED)
    await site.push(f"deviceId={DEVICE}")
    await site.api("DELETE", f"/devices/{DEVICE}")
    await site.result(b'{"response":{}}')

    await site.api("PUT", f"/devices/{DEVICE}", {})
    assert {} == await shadow(site)
    shown = await desire(site, WANTED)
    assert 1 == shown["version"]


async def test_canceled_command(site: Site) -> None:
    """
    Who cancels the command of a service has it fail.
    """
    shown = await desire(site, WANTED)
    command_id = shown["services"]["general"]["commandId"]

    await site.api("DELETE", f"/commands/{command_id}")

    shown = (await shadow(site))["general"]
    assert ("failed", "Canceled.") == (shown["status"], shown["error"])
