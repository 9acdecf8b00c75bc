"""`shadow` against a real server, and a simulated device that applies the commands."""

from typing import Any

import pytest

from tests.cli.conftest import PollOnce, Run, StartFleet


def test_set_and_show(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    Desired values go to the device, and are shown with what it reported.
    """
    run("devices", "add", device_id)
    pairs = ("general.language=en_US", "alarm.siren_enabled:=true")
    set_ = run("shadow", "set", device_id, *pairs, "--json").only
    assert ["pending", "pending"] == [s["status"] for s in set_["services"].values()]

    devices = [poll_once(), poll_once()]

    shown = run("shadow", "show", device_id, "--json").only["services"]
    assert {"alarm": "delivered", "general": "delivered"} == {
        name: service["status"] for name, service in shown.items()
    }
    assert {"siren_enabled": "1"} == shown["alarm"]["reported"]
    assert devices
    out = run("shadow", "show", device_id).out
    assert f"Device {device_id}, version 1" in out
    assert {"general", "language", "en_US", "delivered"} <= set(out.split())


def test_failure(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    The device's error is shown.
    """
    run("devices", "add", device_id)
    run("shadow", "set", device_id, "general.nonsense=1", "--expires-in", "60")
    poll_once()

    out = run("shadow", "show", device_id).out

    assert "failed" in out
    assert "name=nonsense" in out


def test_refresh(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    The device is asked, also for what nobody knows of.
    """
    run("devices", "add", device_id)
    response = run(
        "shadow", "refresh", device_id, "ntp.enabled", "ntp.timezone", "--json"
    )
    poll_once()

    shown = run("shadow", "show", device_id, "--json").only["services"]["ntp"]

    assert "get_configuration" == response.only["endpoint"]
    assert {"enabled": "0", "timezone": "UTC-3"} == shown["reported"]
    assert "inSync" == shown["status"]


def test_if_match(run: Run, device_id: str) -> None:
    """
    If the shadow moved, nothing is changed, and the exit code is 1.
    """
    run("devices", "add", device_id)
    pair = "general.language=en_US"
    assert 0 == run("shadow", "set", device_id, pair, "--if-match", "0").code

    refused = run("shadow", "set", device_id, pair, "--if-match", "7")

    assert (1, "") == (refused.code, refused.out)
    assert "version 1" in refused.err


def test_many(run: Run, fleet: StartFleet, device_id: str) -> None:
    """
    For many devices it is a task, which can be tried dry, and followed.
    """
    first = int(device_id)
    for each in range(3):
        run("devices", "add", str(first + each), "--tag", f"of:{device_id}")
    many = ("--tag", f"of={device_id}", "general.language=en_US")
    dry = run("shadow", "set", *many, "--dry-run")
    assert "Devices: 3" in dry.out

    with fleet(device_id, 3):
        followed = run("shadow", "set", *many, "--follow", "--name", "language")

    assert 0 == followed.code, followed
    assert "language is COMPLETED: 3 completed of 3." in followed.out
    shown: Any = run("shadow", "show", str(first + 2), "--json").only
    assert "delivered" == shown["services"]["general"]["status"]


@pytest.mark.parametrize(
    "argv",
    [
        ("set",),
        ("set", "general.language=x"),
        ("set", "1", "language=x"),
        ("set", "1", "general.language"),
        ("set", "1", "general.a=1", "general.a=2"),
        ("set", "1", "general.a=1", "--name", "x"),
        ("set", "1", "general.a=1", "--follow"),
        ("set", "--all", "--device", "1", "general.a=1"),
        ("set", "--all", "--if-match", "1", "general.a=1"),
        ("refresh", "1", "general"),
    ],
)
def test_wrong_use(run: Run, argv: tuple[str, ...]) -> None:
    """
    An invalid command line is refused without a request.
    """
    ran = run("shadow", *argv)

    assert (2, "") == (ran.code, ran.out)
    assert "--help" in ran.err
