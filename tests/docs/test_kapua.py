"""docs/kapua.md says what Kapua's clients may call; its commands do what it says."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pushserver.client import Client
from pushserver.dialects.kapua.ids import encode_id
from pushserver.web.kapua import ROUTES, SESSION_ROUTES, notifications, operations
from tests.program import Program

if TYPE_CHECKING:
    from pushserver.client.types import Permission

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/kapua.md").read_text("utf-8")

_CALL = re.compile(r"^\| `([A-Z]+) (/\S+)` \| [^|]+ \| `?([a-z:]+)`? \|$", re.MULTILINE)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: How the device on the page polls.
_POLL = 'curl -s "http://127.0.0.1:8080/push?deviceId=478435"'
_ID = re.compile(r"^\| ([0-9]+) \| `([\w-]+)` \|$", re.MULTILINE)


def test_every_call_is_listed() -> None:
    """
    The table of calls has those that are served, with the permission each needs.
    """
    served = {(route.method, route.path, str(route.permission)) for route in ROUTES}
    served |= {(how, path, "none") for path, (how, _) in SESSION_ROUTES.items()}

    assert served == set(_CALL.findall(PAGE))


@pytest.mark.parametrize(
    ("kind", "sorts"),
    [
        ("Notifications", notifications.SORT_FIELDS),
        ("Operations", operations.SORT_FIELDS),
    ],
)
def test_attributes_to_sort_by(kind: str, sorts: dict[str, object]) -> None:
    """
    The attributes by which a list can be sorted are named, and no others.
    """
    sentence = PAGE.partition(f"{kind} are sorted by ")[2].partition(".")[0]

    assert set(sorts) == set(re.findall(r"`(\w+)`", sentence))


def test_ids() -> None:
    """
    The ids of the examples are what they should be.
    """
    ids = {int(number): text for number, text in _ID.findall(PAGE)}

    assert {number: encode_id(number) for number in ids} == ids
    assert f"/devices/{ids[478435]}/operations" in PAGE


def fixed_values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that is there, with its path; what varies, only its path."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from fixed_values(part, f"{path}.{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from fixed_values(part, f"{path}.{number}")
    else:
        varies = re.search(r"(On|By|userId|tokenId|refreshToken|^.id)$", path)
        yield path, None if varies else value


async def run(script: str, folder: Path, url: str, token: str) -> str:
    """Run commands as somebody types them; return what they print."""
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-eu",
        "-o",
        "pipefail",
        "-c",
        script.replace("http://127.0.0.1:8080", url),
        cwd=folder,
        env={**os.environ, "PUSHSERVER_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await shell.communicate()
    assert 0 == shell.returncode, printed
    return printed.decode()


async def test_commands(program: Program, tmp_path: Path) -> None:
    """
    The page's commands lead from a login to a finished operation and to a logout.
    """
    program.start(hold=1)
    async with Client(program.url, program.token) as api:
        await api.devices.put("478435", name="north door")
        needs: list[Permission] = [
            "devices:read",
            "operations:read",
            "operations:write",
        ]
        token = (await api.tokens.create("a client of Kapua's", needs))["token"]
        await run(_POLL, tmp_path, program.url, token)
        commands = "\n".join(_COMMANDS.findall(PAGE))
        printed = await run(commands, tmp_path, program.url, token)
        operations = (await api.operations.list())["items"]

    written = {
        name: json.loads((tmp_path / f"{name}.json").read_bytes())
        for name in ("session", "devices", "operation", "notifications", "info")
    }
    shown = [json.loads(text) for text in _SHOWN.findall(PAGE)]
    assert [dict(fixed_values(each)) for each in shown] == [
        dict(fixed_values(written[name])) for name in ("session", "devices")
    ]
    assert "COMPLETED" == written["operation"]["status"]
    assert written["notifications"]["items"]
    assert "loginInfo" == written["info"]["type"]
    assert _POLL in PAGE
    assert all(f"`{permission}`" in PAGE for permission in needs)
    assert printed.endswith("}204\n")
    assert ["COMPLETED"] == [each["status"] for each in operations]
