"""The client without asyncio: the same calls, in any thread, to a clean end."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pushserver import client as asynchronous
from pushserver.client import ApiError
from pushserver.client.sync import Client
from tests.program import Program


def _public(group: object) -> set[str]:
    return {name for name in dir(group) if not name.startswith("_")}


def test_it_has_every_call() -> None:
    """
    Each call of the asynchronous client is there, with its arguments and its text.
    """
    plain, other = Client("http://x"), asynchronous.Client("http://x")
    groups = _public(other) - {"server"}
    for name in groups:
        group = getattr(other, name)
        if callable(group) and name != "events":
            assert inspect.getdoc(group) == inspect.getdoc(getattr(plain, name))
            continue
        for call in _public(group) - {"stream"}:
            theirs, ours = getattr(group, call), getattr(getattr(plain, name), call)
            assert inspect.getdoc(theirs) == inspect.getdoc(ours)
            assert inspect.signature(theirs) == inspect.signature(ours)

    assert groups <= _public(plain)


def test_a_script(shared: Program, device_id: str) -> None:
    """
    A script enqueues, reads, lists and iterates, and ends.
    """
    trace = f"00-{'4b' * 16}-{'00f0' * 4}-01"
    with Client(shared.url, shared.token) as client:
        made = client.commands.enqueue_many(
            device_id, [{"endpoint": "reboot"}] * 3, traceparent=trace
        )
        listed = [each["id"] for each in client.commands.iterate(deviceId=device_id)]
        events = client.events(deviceId=device_id, last_event_id="0")
        event = next(events)
        events.close()  # type: ignore[attr-defined]

    assert [each["id"] for each in reversed(made)] == listed
    assert "command.status" == event["type"]
    assert {"4b" * 16} == {each["traceId"] for each in made}


def test_many_items(shared: Program, device_id: str) -> None:
    """
    Ten thousand items come page by page, each once.
    """
    with Client(shared.url, shared.token) as client:
        for _ in range(10):
            client.commands.enqueue_many(device_id, [{"endpoint": "reboot"}] * 1000)
        ids = {each["id"] for each in client.commands.iterate(deviceId=device_id)}

    assert 10_000 == len(ids)


def test_from_many_threads(shared: Program, device_id: str) -> None:
    """
    Threads share a client.
    """

    def enqueue(_: int) -> str:
        return client.commands.enqueue(device_id, {"endpoint": "reboot"})["id"]

    with Client(shared.url, shared.token) as client, ThreadPoolExecutor(8) as threads:
        assert 40 == len(set(threads.map(enqueue, range(40))))


async def test_amid_another_loop(shared: Program) -> None:
    """
    A program with a loop of its own may use it, in a thread or not.
    """
    with Client(shared.url, shared.token) as client:
        here, there = client.status(), await asyncio.to_thread(client.status)

    assert here["version"] == there["version"]


def test_closed(shared: Program) -> None:
    """
    Outside of its block it says how it is used; it is closed twice without harm.
    """
    client = Client(shared.url, shared.token)
    with pytest.raises(RuntimeError, match="with"):
        client.status()
    client.open()
    client.status()
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.status()

    assert "pushserver-client" not in [each.name for each in threading.enumerate()]


def test_closed_amid_a_call(shared: Program, device_id: str) -> None:
    """
    A call that waits in another thread ends when the client is closed.
    """
    client = Client(shared.url, shared.token).open()
    command = client.commands.enqueue(device_id, {"endpoint": "reboot"})
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(client.commands.wait, command["id"])
        client.status()
        client.close()

    with pytest.raises(RuntimeError, match="closed"):
        waiting.result(60)


def test_errors(shared: Program) -> None:
    """
    Errors are those of the asynchronous client, raised where the call is.
    """
    with (
        Client(shared.url, shared.token) as client,
        pytest.raises(ApiError) as refused,
    ):
        client.devices.get("nobody")

    assert refused.value.status in (404, 422)


_WAITING = """
import sys
from pushserver.client.sync import Client
with Client(*sys.argv[1:3]) as client:
    command = client.commands.enqueue(sys.argv[3], {"endpoint": "reboot"})
    print("waiting", flush=True)
    client.commands.wait(command["id"])
"""


def test_interrupted(shared: Program, device_id: str) -> None:
    """
    Ctrl-C ends a wait like any other call of Python: with KeyboardInterrupt alone.
    """
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", _WAITING, shared.url, shared.token, device_id],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout
        assert "waiting\n" == script.stdout.readline()
        script.send_signal(signal.SIGINT)
        _, said = script.communicate(timeout=60)

    assert -signal.SIGINT == script.returncode
    assert "KeyboardInterrupt" == said.splitlines()[-1]
    assert 1 == said.count("Traceback")


_FORGOTTEN = """
import sys
from pushserver.client.sync import Client
client = Client(*sys.argv[1:3]).open()
events = client.events(last_event_id="0")
next(events)
print("read")
"""


def test_forgotten(shared: Program, device_id: str) -> None:
    """
    A program that never closes its client ends all the same, and without a word.
    """
    with Client(shared.url, shared.token) as client:
        client.commands.enqueue(device_id, {"endpoint": "reboot"})
    ran = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "default", "-c", _FORGOTTEN, shared.url, shared.token],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "read\n", "") == (ran.returncode, ran.stdout, ran.stderr)


def test_forked(shared: Program) -> None:
    """
    A forked process is told to make a client of its own, and ends without the thread.
    """
    with Client(shared.url, shared.token) as client:
        client.status()
        child = os.fork()
        if child == 0:
            try:
                client.status()
            except RuntimeError as error:
                os._exit(0 if "fork" in str(error) else 1)
            os._exit(2)
        _, status = os.waitpid(child, 0)

    assert 0 == os.waitstatus_to_exitcode(status)
