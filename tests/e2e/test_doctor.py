"""`pushserver doctor` in front of the real program: no false alarm, and no trace."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import aiohttp
import pytest

from pushserver.cli import main
from pushserver.cli.round_trip import (
    DEVICES,
    FIRST_DEVICE,
    LEFT_AFTER,
    check_round_trip,
)
from pushserver.client import Client
from pushserver.simulate import DeviceHttpClient, SimulatedDevice
from tests.database_rows import every_row
from tests.program import Program

#: What every change of a lane, a token or the clock touches, whoever makes it.
HOUSEKEEPING = {"audit", "meta", "clock", "sqlite_sequence", "sqlite_stat1"}


def diagnose(
    server: Program, *flags: str, token: str = ""
) -> tuple[int, Mapping[str, Any]]:
    """Return the exit code of the doctor, and its findings by what was checked."""
    argv = ["--server", server.url, "--token", token or server.token, "--json"]
    with redirect_stdout(StringIO()) as out:
        code = main([*argv, "doctor", *flags], {})
    findings = map(json.loads, out.getvalue().splitlines())
    return code, {each["check"]: each for each in findings}


def run_round_trip(server: Program) -> str:
    """Return how a round trip went."""

    async def run() -> str:
        async with Client(server.url, server.token) as api:
            return (await check_round_trip(api, datetime.now(UTC))).level

    return asyncio.run(run())


def count_rows(server: Program) -> Counter[str]:
    """Return how many rows each table has, without the housekeeping."""
    tables = Counter(table for table, _ in every_row(server.database))
    return Counter({k: n for k, n in tables.items() if k not in HOUSEKEEPING})


@pytest.mark.proof_on("postgres")
async def test_healthy_device(server: Program) -> None:
    """
    Where a device polls and answers, nothing is wrong, and the exit code says so.
    """
    async with Client(server.url, server.token) as api, aiohttp.ClientSession() as http:
        await api.commands.enqueue("478435", {"endpoint": "reboot"})
        device = SimulatedDevice(
            device_id=478435, http=DeviceHttpClient(server=server.url, session=http)
        )
        await device.run_once()
    code, findings = await asyncio.to_thread(diagnose, server)

    assert (0, "ok") == (code, findings["devices"]["level"])
    assert "ok" == findings["roundTrip"]["level"]
    assert "wrong" not in {each["level"] for each in findings.values()}


async def test_round_trip_leaves_no_trace(server: Program) -> None:
    """
    The round trip is over a device that nobody sees, and leaves no row but in the
    audit.
    """
    async with Client(server.url, server.token) as api:
        await api.devices.put("478435")
        before, at_first = count_rows(server), (await api.audit.list())["items"]
        _, findings = await asyncio.to_thread(diagnose, server)
        after = (await api.audit.list())["items"]
        devices = (await api.devices.list())["items"]
        scopes = (await api.scopes.list())["items"]

    assert "ok" == findings["roundTrip"]["level"]
    rows = count_rows(server)
    assert rows["lane"] <= before.pop("lane", 0) + DEVICES
    rows.pop("lane", None)
    assert before == rows
    assert ["scope.delete", "scope.create"] == [
        each["action"] for each in after[: len(after) - len(at_first)]
    ]
    assert (["478435"], ["default"]) == (
        [each["deviceId"] for each in devices],
        [each["name"] for each in scopes],
    )


async def test_doctors_at_once(server: Program) -> None:
    """
    Doctors who look at the same time do not meet: each has a device of its own.
    """
    looks = [asyncio.to_thread(run_round_trip, server) for _ in range(4)]

    assert ["ok"] * 4 == await asyncio.gather(*looks)


async def test_scope_of_a_doctor_that_was_killed(server: Program) -> None:
    """
    What a doctor left that was killed is deleted by one who comes later; a tenant whose
    scope is called alike keeps it.
    """
    killed, tenant, namesake = (
        "doctor-0123456789abcdef",
        "doctor-who",
        "doctor-" + "0" * 16,
    )
    async with Client(server.url, server.token) as api:
        await leave_scope(api, killed, str(FIRST_DEVICE))
        await leave_scope(api, tenant, "478435")
        await leave_scope(api, namesake, "478436")
        soon = await check_round_trip(api, datetime.now(UTC))

        assert ("ok", {"default", killed, tenant, namesake}) == (
            soon.level,
            await scope_names(api),
        )

        later = await check_round_trip(api, datetime.now(UTC) + 2 * LEFT_AFTER)

        assert ("ok", {"default", tenant, namesake}) == (
            later.level,
            await scope_names(api),
        )


async def leave_scope(api: Client, name: str, device: str) -> None:
    """Make a scope in which a device was given a command, and leave it."""
    scope = await api.scopes.create(name)
    async with Client(api.server, scope["token"]) as own:
        await own.devices.put(device)
        await own.commands.enqueue(device, {"endpoint": "system_information"})


async def scope_names(api: Client) -> set[str]:
    """Return the names of all scopes."""
    return {scope["name"] for scope in (await api.scopes.list())["items"]}


@pytest.mark.proof_on("postgres")
async def test_without_round_trip(server: Program) -> None:
    """
    --no-round-trip changes nothing at all, for whoever asks every minute.
    """
    async with Client(server.url, server.token) as api:
        _, findings = await asyncio.to_thread(diagnose, server, "--no-round-trip")

        assert "roundTrip" not in findings
        assert [] == (await api.audit.list())["items"]


@pytest.mark.proof_on("postgres")
async def test_reader(server: Program) -> None:
    """
    A token that may only read is told what was left out, and nothing is wrong.
    """
    kinds = ("devices", "commands", "results", "subscriptions")
    async with Client(server.url, server.token) as api:
        reading: list[Any] = [f"{kind}:read" for kind in kinds]
        token = await api.tokens.create("reader", reading)
    code, findings = await asyncio.to_thread(diagnose, server, token=token["token"])

    assert (0, "notice") == (code, findings["roundTrip"]["level"])
    assert "administrator" in findings["roundTrip"]["todo"]


@pytest.mark.proof_on("postgres")
async def test_administrator_that_expires(server: Program) -> None:
    """
    An administrator whose token expires is told that no scope is made for that.
    """
    async with Client(server.url, server.token) as api:
        token = await api.tokens.create(
            "a", ["admin"], expiresAt="2099-01-01T00:00:00Z"
        )
    code, findings = await asyncio.to_thread(diagnose, server, token=token["token"])

    assert (0, "notice") == (code, findings["roundTrip"]["level"])
    assert "Your own token is valid until" in findings["roundTrip"]["found"]
    assert "without `expiresAt`" in findings["roundTrip"]["todo"]


@pytest.mark.proof_on("postgres")
async def test_device_ids_that_are_taken(server: Program) -> None:
    """
    An id that another scope has is left alone; only when all are taken is it said.
    """
    async with Client(server.url, server.token) as api:
        first, *others = range(FIRST_DEVICE, FIRST_DEVICE + DEVICES)
        for number in others:
            await api.devices.put(str(number))
        assert "ok" == (await check_round_trip(api, datetime.now(UTC))).level

        await api.devices.put(str(first))
        finding = await check_round_trip(api, datetime.now(UTC))

        assert "all of the doctor's devices are in use" in finding.found
        assert ["default"] == [s["name"] for s in (await api.scopes.list())["items"]]
