"""The receiver on docs/webhooks.md runs as it is printed, and verifies what comes."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushserver.client import Client
from tests.program import Program
from tests.web.local_server import wait_until

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text("utf-8")
SOURCE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

#: Seconds in which another Python has started, however busy the machine is.
STARTS = 60


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


async def test_it_is_told(program: Program) -> None:
    """
    Started with the secret it takes and prints events; with another it takes none.
    """
    port = free_port()
    program.start(webhook_allow_networks="127.0.0.0/8")
    async with Client(program.url, program.token) as client:
        url = f"http://127.0.0.1:{port}/"
        created = await client.subscriptions.create(url, ["command.status"])

        async def pinged(status: int) -> bool:
            ping = await client.subscriptions.ping(created["id"])
            return bool(ping["attempt"].get("status") == status)

        with receiving(created["secret"][:-4] + "AAA=", port):
            await wait_until(lambda: pinged(401), within=STARTS)
        with receiving(created["secret"], port) as receiver:
            await wait_until(lambda: pinged(204), within=STARTS)
            command = await client.commands.enqueue("7", {"endpoint": "reboot"})
            assert receiver.stdout
            lines = iter(receiver.stdout.readline, "")
            printed = next(line for line in lines if " command.status " in line)
    program.stop()

    assert printed.startswith("msg_")
    assert command["id"] in printed
