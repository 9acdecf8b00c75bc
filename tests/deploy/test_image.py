"""What the image is made of, in a root with Debian's Python and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from pushserver.client import Client
from pushserver.simulate import DeviceHttpClient, Quirks, SimulatedDevice
from tests.e2e.test_device_life import LOAD_USERS
from tests.web.local_server import wait_until

pytestmark = pytest.mark.proof

SOURCE = Path(__file__).parents[2]
APT = Path("/etc/apt")
#: Makes /opt/pushserver as the Dockerfile does, in a namespace where /opt is empty.
BUILD = """
set -eu
mkdir -p "$2/opt" "$2/proc" "$2/dev" "$2/var/lib/pushserver"
chmod 1777 "$2/var/lib/pushserver"
[ -e "$2/dev/null" ] || mknod -m 666 "$2/dev/null" c 1 3
[ -e "$2/dev/urandom" ] || mknod -m 666 "$2/dev/urandom" c 1 9
mount -t tmpfs opt /opt
PYTHON=/usr/bin/python3 "$1/deploy/install" "$3"/pushserver-*.whl /opt/pushserver \
    --no-index --find-links "$3"
cp -a /opt/pushserver "$2/opt/"
"""
#: Runs it there as the image would: as nobody we know, with nothing else to write to.
RUN = """
set -eu
mount --bind "$1" "$1"
mount -t tmpfs -o mode=1777 data "$1/var/lib/pushserver"
mount -t tmpfs -o mode=1777 tmp "$1/tmp"
mount -t proc proc "$1/proc"
mount -o remount,ro,bind "$1"
exec chroot --userspec=10001:10001 "$1" /opt/pushserver/bin/pushserver serve
"""


@pytest.fixture(name="root", scope="module")
def _root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root; nothing is in it but Debian's Python and the program."""
    if os.geteuid() or not shutil.which("mmdebstrap"):
        pytest.skip("It takes root, and mmdebstrap: apt-get install mmdebstrap")
    folder = tmp_path_factory.mktemp("image")
    root, wheels = folder / "root", folder / "wheels"
    packages = "--include=python3,ca-certificates"
    # From where this machine has its packages.
    lists = [*APT.glob("sources.list"), *APT.glob("sources.list.d/debian.*")]
    run("mmdebstrap", "--quiet", "--variant=extract", packages, "", root, *lists)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    lock = ("--require-hashes", "-r", SOURCE / "requirements.lock")
    run(*pip, "download", "--no-deps", "--only-binary", ":all:", *lock, "-d", wheels)
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, SOURCE)
    run("unshare", "--mount", "sh", "-c", BUILD, "build", SOURCE, root, wheels)
    return root


def run(*command: str | Path) -> None:
    """Run a command, which has to succeed."""
    subprocess.run(command, check=True, timeout=600)  # noqa: S603 - the tests' own


@pytest.fixture(name="url")
async def _url(root: Path, tmp_path: Path) -> AsyncIterator[str]:
    """Return where the program serves, from that root."""
    log = tmp_path / "log"
    environ = {
        "PATH": "/usr/sbin:/usr/bin:/bin",
        "PUSHSERVER_PORT": "0",
        "PUSHSERVER_DATABASE": "sqlite:////var/lib/pushserver/pushserver.db",
        "PUSHSERVER_ADMIN_TOKEN": "admin-of-the-tests",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - the tests' own command
            ["unshare", "--mount", "sh", "-c", RUN, "run", root],  # noqa: S607
            env=environ,
            stdout=output,
            stderr=output,
        )
    try:
        await wait_until(lambda: b'"url":"' in log.read_bytes(), within=60)
        (url,) = re.findall(r'"url":"([^"]+)"', log.read_text())
        yield url
    finally:
        process.terminate()
        process.wait(30)


async def test_a_command_goes_through(root: Path, url: str) -> None:
    """
    Without a shell, without rights and on a read-only file system it serves, takes a
    command, hands it out and stores its result; and the image's health check says so.
    """
    async with Client(url, "admin-of-the-tests") as api:
        command = await api.commands.enqueue("7", LOAD_USERS)
        async with aiohttp.ClientSession() as session:
            http = DeviceHttpClient(server=url, session=session, quirks=Quirks())
            device = SimulatedDevice(device_id=7, http=http)
            await device.execute_and_post(await device.poll_command())
        command = await api.commands.get(command["id"], wait=10)

    assert "SUCCESSFUL" == command["state"]
    assert not (root / "bin/sh").exists()
    assert is_healthy(url)
    assert not is_healthy("http://127.0.0.1:1")


def is_healthy(url: str) -> bool:
    """Tell what the Dockerfile's health check says of a server at *url*."""
    text = (SOURCE / "Dockerfile").read_text("utf-8")
    (check,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
    _, *arguments = json.loads(check.replace("http://127.0.0.1:8080", url))
    command = [sys.executable, *arguments]
    done = subprocess.run(  # noqa: S603 - the Dockerfile's own
        command, check=False, timeout=30, stderr=subprocess.DEVNULL
    )
    return done.returncode == 0
