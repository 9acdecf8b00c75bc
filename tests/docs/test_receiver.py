"""The receiver on docs/webhooks.md runs as it is printed, and verifies what comes."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pushserver.client import Client
from tests.program import Program
from tests.web.site import until

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text("utf-8")
SOURCE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@contextmanager
def receiving(secret: str, port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the page's very text for the length of the block."""
    receiver = subprocess.Popen(  # noqa: S603 - the page's own text
        [sys.executable, "-c", SOURCE[0]],
        env={**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with receiver:
        try:
            yield receiver
        finally:
            receiver.kill()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        port: int = there.getsockname()[1]
        return port


def test_it_is_short() -> None:
    """
    The page has one receiver, of 20 lines of code.
    """
    (source,) = SOURCE

    assert 20 >= len([line for line in source.splitlines() if line.strip()])


@pytest.mark.parametrize("kind", ["command.status", "device.online"])
async def test_it_is_told(program: Program, kind: str) -> None:
    """
    Started with the secret it takes a ping and prints events; with another it takes
    none.
    """
    port = free_port()
    program.start(webhook_allow_networks="127.0.0.0/8")
    async with Client(program.url, program.token) as client:
        made = await client.subscribe(f"http://127.0.0.1:{port}/", [kind])

        async def pinged(status: int) -> bool:
            said = await client.ping_subscription(made["id"])
            return bool(said["attempt"].get("status") == status)

        with receiving(made["secret"][:-4] + "AAA=", port):
            await until(lambda: pinged(401))
        with receiving(made["secret"], port) as receiver:
            await until(lambda: pinged(204))
            command = await client.enqueue("7", {"endpoint": "reboot"})
            await client.probe("/push?deviceId=7")
            assert receiver.stdout
            lines = iter(receiver.stdout.readline, "")
            told = next(line for line in lines if f" {kind} " in line)
    program.stop()

    assert told.startswith("msg_")
    assert ("'deviceId': '7'" in told) or (command["id"] in told)
