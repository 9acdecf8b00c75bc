"""`subscriptions` against a real server, and a receiver of its command events."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cli.conftest import Run, RunResult
from tests.program import Program
from tests.web.receiver import RecordingReceiver, running_receiver

EVENT = ("--event", "command.status")


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program whose webhooks may stay on the loopback."""
    program = Program(tmp_path_factory.mktemp("server"))
    program.start(webhook_allow_networks="127.0.0.0/8")
    yield program
    program.stop()


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[RecordingReceiver]:
    """A receiver in a thread of its own: the command line has a loop for itself."""
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    there: list[RecordingReceiver] = []

    async def serve() -> None:
        async with running_receiver() as receiver:
            there.append(receiver)
            ready.set()
            await stop.wait()

    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(loop.run_until_complete, serve())
        assert ready.wait(30)
        yield there[0]
        loop.call_soon_threadsafe(stop.set)
        serving.result(30)
        loop.close()


def create_subscription(
    run: Run, receiver: RecordingReceiver, *options: str
) -> dict[str, Any]:
    """Make a subscription."""
    ran = run("subscriptions", "make", f"{receiver.url}/", *EVENT, *options, "--json")
    assert 0 == ran.code, ran.err
    created: dict[str, Any] = ran.only
    return created


def wait_for_delivery(run: Run, subscription: dict[str, Any], state: str) -> RunResult:
    """Return the deliveries once there is one in this state."""
    argv = ("subscriptions", "deliveries", subscription["id"], "--state", state)
    for _ in range(200):
        if (ran := run(*argv, "--json")).out:
            return ran
    raise AssertionError(f"No delivery became {state}.")


def test_a_life(run: Run, receiver: RecordingReceiver) -> None:
    """
    A subscription is made, shown, changed, switched off and on, and deleted.
    """
    created = create_subscription(
        run, receiver, "--description", "doors", "--tag", "site:north"
    )
    changed = run(
        *("subscriptions", "change", created["id"], "--event", "device.online"),
        *("--any-tag", "--ordered", "--json"),
    ).only
    states = [
        run("subscriptions", verb, created["id"], "--json").only["state"]
        for verb in ("disable", "enable")
    ]
    shown = run("subscriptions", "show", created["id"], "--json").only
    listed = run("subscriptions", "--json").lines
    deleted = run("subscriptions", "delete", created["id"], "--yes", "--json").only

    assert {"site": ["north"]} == created["tags"]
    assert (["device.online"], True, "doors") == tuple(
        changed[name] for name in ("events", "ordered", "description")
    )
    assert "tags" not in changed
    assert ["disabled", "active"] == states
    assert shown in listed
    assert {"id": created["id"], "deleted": True} == deleted
    assert 1 == run("subscriptions", "show", created["id"]).code


def test_the_platforms_names(run: Run, receiver: RecordingReceiver) -> None:
    """
    In the format oceanconnect events are given by the platform's names.
    """
    name = "deviceDesiredPropertiesModifyStatusChanged"
    argv = ("subscriptions", "make", f"{receiver.url}/ocean", "--event", name, "--json")

    refused = run(*argv)
    created = run(*argv, "--format", "oceanconnect").only

    assert (2, "") == (refused.code, refused.out)
    assert name in refused.err
    assert [name] == created["events"]


def test_every_option(run: Run, receiver: RecordingReceiver) -> None:
    """
    Each option of a new subscription arrives, and each change.
    """
    created = create_subscription(
        *(run, receiver, "--format", "iotda", "--device", "7", "--device", "8"),
        *(
            "--tag",
            "a:b",
            "--tag",
            "c=d",
            "--tag",
            "c=x",
            "--no-ordered",
            "--header",
            "X-A=1=2",
        ),
        *("--include", "result", "--retry-profile", "huawei", "--app-id", "app"),
        *("--resource-name", "device.commmad.status"),
    )
    changed = run(
        *("subscriptions", "change", created["id"], "--url", f"{receiver.url}/new"),
        *(
            "--any-device",
            "--any-tag",
            "--tag",
            "e:f",
            "--no-header",
            "--no-include",
            "--json",
        ),
        *("--retry-profile", "standard", "--app-id", "other"),
    ).only
    wished = {
        "format": "iotda",
        "deviceIds": ["7", "8"],
        "tags": {"a": ["b"], "c": ["d", "x"]},
        "ordered": False,
        "headers": {"X-A": "1=2"},
        "include": ["result"],
        "retryProfile": "huawei",
        "appId": "app",
        "resourceName": "device.commmad.status",
    }

    assert wished == {name: created[name] for name in wished}
    assert f"{receiver.url}/new" == changed["url"]
    assert "deviceIds" not in changed
    assert [{"e": ["f"]}, {}, [], "standard", "other"] == [
        changed[name]
        for name in ("tags", "headers", "include", "retryProfile", "appId")
    ]


def test_tags_are_added_and_taken_away(run: Run, receiver: RecordingReceiver) -> None:
    """
    A change adds tags to those there are, and takes away a value, a key, or all.
    """
    created = create_subscription(
        run, receiver, *("--tag", "site=north", "--tag", "site=east", "--tag", "a=1")
    )
    change = ("subscriptions", "change", created["id"], "--json")
    changes = (
        ("--tag", "site=west", "--untag", "site=north"),
        ("--untag", "a", "--tag", "a=2"),
        ("--untag", "site"),
        ("--untag", "a:2"),
    )

    assert [
        {"site": ["east", "west"], "a": ["1"]},
        {"site": ["east", "west"], "a": ["2"]},
        {"a": ["2"]},
        None,
    ] == [run(*change, *each).only.get("tags") for each in changes]


def test_the_secret_is_shown_once(run: Run, receiver: RecordingReceiver) -> None:
    """
    People learn that the secret will not be shown again, and it is not.
    """
    created = run("subscriptions", "make", f"{receiver.url}/secret", *EVENT)
    (found,) = [
        each
        for each in run("subscriptions", "--json").lines
        if each["url"].endswith("/secret")
    ]
    rotated = run("subscriptions", "rotate", found["id"])

    for ran in (created, rotated):
        assert "whsec_" in ran.out
        assert "shown this once" in ran.err
    assert "whsec_" not in run("subscriptions", "show", found["id"]).out


def test_ping(run: Run, receiver: RecordingReceiver) -> None:
    """
    A ping shows what the receiver answered, by its exit code, too.
    """
    created = create_subscription(run, receiver)
    good = run("subscriptions", "ping", created["id"], "--json")
    receiver.status = 418
    bad = run("subscriptions", "ping", created["id"])

    assert (0, True) == (good.code, good.only["ok"])
    assert 1 == bad.code
    assert "The receiver answered 418." in bad.out
    assert "ping" == receiver.received[0].body["type"]


def test_deliveries(run: Run, receiver: RecordingReceiver, device_id: str) -> None:
    """
    Deliveries are listed for people in a row each, and resent on request.
    """
    created = create_subscription(run, receiver, "--device", device_id)
    run("enqueue", device_id, "load_objects", "--adopt")
    (delivery,) = wait_for_delivery(run, created, "delivered").lines
    rows = run("subscriptions", "deliveries", created["id"]).out
    argv = ("subscriptions", "redeliver", created["id"], delivery["id"])
    again, shown = run(*argv, "--json"), run(*argv)

    assert all(word in rows for word in (delivery["id"], device_id, "delivered"))
    assert "pending" == again.only["state"]
    assert (0, True) == (shown.code, delivery["webhookId"] in shown.out)


def test_recover(run: Run, receiver: RecordingReceiver, device_id: str) -> None:
    """
    Dead letters are listed with the reason, and all of them resent.
    """
    receiver.status = 500
    created = create_subscription(
        run, receiver, "--device", device_id, "--retry-profile", "huawei"
    )
    run("enqueue", device_id, "load_objects", "--adopt")
    (dead,) = wait_for_delivery(run, created, "dead").lines
    rows = run("subscriptions", "deliveries", created["id"], "--state", "dead").out
    receiver.status = 200
    argv = ("subscriptions", "recover", created["id"], "--since")
    recovered = run(*argv, "2026-01-01T00:00:00Z", "--json")
    refused = run(*argv, "yesterday")

    assert "The receiver answered 500." in rows
    assert {"recovered": 1} == recovered.only
    assert dead["id"] == wait_for_delivery(run, created, "delivered").only["id"]
    assert (1, True) == (refused.code, "/since" in refused.err)


def test_for_people(run: Run, receiver: RecordingReceiver) -> None:
    """
    People read a table, and a refusal in one line.
    """
    created = create_subscription(run, receiver, "--description", "for people")
    duplicate = run("subscriptions", "make", f"{receiver.url}/", *EVENT)

    assert created["url"] in run("subscriptions").out
    assert "for people" in run("subscriptions", "show", created["id"]).out
    assert 1 == duplicate.code
    assert created["id"] in duplicate.err


@pytest.mark.parametrize(
    "argv",
    [
        ("make", "https://9.9.9.9/"),
        ("make", "https://9.9.9.9/", *EVENT, "--format", "soap"),
        ("make", "https://9.9.9.9/", *EVENT, "--tag", "north"),
        ("make", "https://9.9.9.9/", *EVENT, "--header", "X-A"),
        ("make", "https://9.9.9.9/", *EVENT, "--include", "everything"),
        ("recover", "5"),
    ],
)
def test_wrong_use(run: Run, argv: tuple[str, ...]) -> None:
    """
    An invalid command line is refused without a request.
    """
    assert 2 == run("subscriptions", *argv).code
