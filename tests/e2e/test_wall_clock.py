"""A wall clock that is wrong, under the real program: no door opens late, or twice."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR
from tests.e2e.wall_clock import WallClock, needs_compiler, seconds_after
from tests.program import Program
from tests.storage.machine import move_database_clock, own_database_clock
from tests.web.local_server import wait_until

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput

HOUR = 3600
YEAR = 8760 * HOUR
SETTINGS = {"workers": 1, "retention": 90}
ONCE = "once"


@pytest.fixture(name="wall")
def _wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """Return the wall clock of the program."""
    wall = WallClock(tmp_path)
    wall.make()
    for name, value in wall.environ.items():
        monkeypatch.setenv(name, value)
    return wall


async def jump(
    program: Program, wall: WallClock, seconds: int, *, restart: bool
) -> None:
    """Set the wall clock, while the program runs or is off; wait until it knows."""
    jumps = len(program.log_lines("clock.jumped"))
    if restart:
        program.stop()
    wall.set_ahead(seconds)
    if restart:
        program.start(**SETTINGS)

    async def noticed() -> bool:
        return len(program.log_lines("clock.jumped")) > jumps

    await wait_until(noticed)


@needs_compiler
@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("seconds", "restart"),
    [
        (-HOUR, False),
        (10 * YEAR, True),
        *(
            pytest.param(seconds, restart, marks=pytest.mark.proof)
            for seconds, restart in [
                (-HOUR, True),
                (HOUR, False),
                (HOUR, True),
                (10 * YEAR, False),
            ]
        ),
    ],
)
async def test_a_wrong_clock(
    program: Program,
    device_of: MakeDevice,
    wall: WallClock,
    seconds: int,
    *,
    restart: bool,
) -> None:
    """
    A door expires after its second; its key opens no other one; nothing is deleted; and
    what is new is called as the wall says.
    """
    program.start(**SETTINGS)
    door: CommandInput = {**OPEN_DOOR, "expiresIn": 1}
    async with Client(program.url, program.token) as api:
        device = device_of(program, DEVICE)
        first = await api.commands.enqueue(str(DEVICE), LOAD_USERS)
        await device.execute_and_post(await device.poll_command())
        late = await api.commands.enqueue(str(DEVICE), door, idempotency_key=ONCE)
    await jump(program, wall, seconds, restart=restart)

    async with Client(program.url, program.token) as api:
        device = device_of(program, DEVICE)
        ended = await api.commands.get(late["id"], wait=10)
        again = await api.commands.enqueue(str(DEVICE), door, idempotency_key=ONCE)
        new = await api.commands.enqueue(str(DEVICE), LOAD_USERS)
        assert ("EXPIRED", False) == (ended["state"], "sentAt" in ended)
        assert late["id"] == again["id"]
        assert abs(seconds_after(new["createdAt"]) + seconds) < HOUR / 2
        await device.poll_command()
        assert "PENDING" != (await api.commands.get(new["id"]))["state"]
        assert first["id"] == (await api.commands.get(first["id"]))["id"]


@needs_compiler
@pytest.mark.only_on("sqlite")
async def test_and_right_again(program: Program, wall: WallClock) -> None:
    """When the clock is right again, ids and names are as if it had always been."""
    program.start(**SETTINGS)
    for seconds in (10 * YEAR, 0):
        await jump(program, wall, seconds, restart=False)
        async with Client(program.url, program.token) as api:
            made = await api.commands.enqueue(str(DEVICE), LOAD_USERS)
    async with Client(program.url, program.token) as api:
        shown = (await api.commands.list())["items"]
        found = await api.commands.list(createdBefore=made["createdAt"])

    assert all(abs(seconds_after(each["createdAt"])) < HOUR for each in shown)
    assert [shown[1]["id"]] == [each["id"] for each in found["items"]]


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    "seconds", [pytest.param(HOUR, marks=pytest.mark.proof), 10 * YEAR]
)
async def test_database_clock(program: Program, seconds: int) -> None:
    """Where several servers share a database, its clock is the one that may jump."""
    with own_database_clock(program.database):
        program.start(**{**SETTINGS, "workers": 2})
        door: CommandInput = {**OPEN_DOOR, "expiresIn": 1}
        async with Client(program.url, program.token) as api:
            late = await api.commands.enqueue(str(DEVICE), door, idempotency_key=ONCE)
            move_database_clock(program.database, seconds)
            ended = await api.commands.get(late["id"], wait=10)
            again = await api.commands.enqueue(str(DEVICE), door, idempotency_key=ONCE)

            async def called_so() -> bool:
                new = await api.commands.enqueue(str(DEVICE), LOAD_USERS)
                named = -seconds_after(new["createdAt"])
                return abs(named - seconds) < HOUR / 2

            await wait_until(called_so)
        program.stop()

    assert ("EXPIRED", False) == (ended["state"], "sentAt" in ended)
    assert late["id"] == again["id"]
