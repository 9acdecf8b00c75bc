"""What `doctor` makes of devices and their commands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pushserver.cli import fleet_checks
from pushserver.cli.checks import Finding, Level
from pushserver.client import Json

NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)


def ago(seconds: float) -> str:
    """Return an instant as the API writes it."""
    instant = NOW - timedelta(seconds=seconds)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def device(device_id: str, **fields: Any) -> Json:
    """Return a device that polls as it should, but for *fields*."""
    usual = {"state": "adopted", "lastSeenAt": ago(1), "pollPeriod": 5.0}
    return {"deviceId": device_id, **usual, **fields}


def levels(findings: list[Finding]) -> list[tuple[Level, str]]:
    """Return how bad each finding is, and what it is about."""
    return [(finding.level, finding.check) for finding in findings]


def test_fleet_is_fine() -> None:
    """
    Devices that poll are one line.
    """
    findings = fleet_checks.check_fleet(
        [device("1"), device("2", lastSeenAt=ago(29))], NOW
    )

    assert [(Level.OK, "devices")] == levels(findings)
    assert "Devices that poll as they should: 2." == findings[0].found


def test_fleet_is_not() -> None:
    """
    Each kind of trouble is a line, with the ids and with what to do.
    """
    unseen = {"deviceId": "2", "state": "adopted"}
    findings = fleet_checks.check_fleet(
        [
            device("1", state="quarantined"),
            unseen,
            device("3", lastSeenAt=ago(31)),
            device("4", lastSeenAt=ago(200), pollPeriod=60.0),
            device("5", lastSeenAt=ago(170), pollPeriod=60.0),
        ],
        NOW,
    )

    assert [
        (Level.OK, "devices"),
        (Level.NOTICE, "quarantine"),
        (Level.NOTICE, "unseen"),
        (Level.NOTICE, "offline"),
    ] == levels(findings)
    assert ["1.", "1 (1).", "1 (2).", "2 (3, 4)."] == [
        f.found.partition(": ")[2] for f in findings
    ]
    assert all(finding.todo for finding in findings[1:])


def test_one_that_is_held() -> None:
    """
    A device whose polls are held polls as often as its hold ends, and is well.
    """
    held = device("1", lastSeenAt=ago(100), pollPeriod=2.0, hold=60)

    assert [(Level.OK, "devices")] == levels(fleet_checks.check_fleet([held], NOW))


def test_one_address_of_many() -> None:
    """
    Many devices behind one address are a notice: a proxy may stand before them.
    """
    many = [device(str(n), address="10.0.0.1") for n in range(10)]
    (finding,) = fleet_checks.check_addresses(many)

    assert (Level.NOTICE, True) == (finding.level, "10.0.0.1" in finding.found)
    assert "TRUSTED_PROXIES" in finding.todo
    assert [] == fleet_checks.check_addresses(many[1:])
    assert [] == fleet_checks.check_addresses([*many, device("x", address="10.0.0.2")])
    assert [] == fleet_checks.check_addresses([device(str(n)) for n in range(10)])


def test_two_terminals_with_one_id() -> None:
    """
    A device that two addresses poll as is said, with what to do.
    """
    seen = ago(1)
    (_, finding) = fleet_checks.check_fleet(
        [device("1", lastSeenAt=seen, identityConflictAt=seen, shutOutAddress="::9")],
        NOW,
    )

    assert (Level.WRONG, "identityConflict") == (finding.level, finding.check)
    assert "1 (1)" in finding.found
    assert "Shut out: ::9." in finding.found


def test_key_that_is_not_enforced() -> None:
    """
    A device that is served without its key is named, with since when and from where.
    """
    keyless = {"since": "2026-01-01T00:00:00Z", "address": "203.0.113.9"}
    (_, finding) = fleet_checks.check_fleet(
        [
            device("1", lastSeenAt=ago(1), keyless=keyless),
            device("2", lastSeenAt=ago(1), keyless={}),
            device("3", lastSeenAt=ago(1)),
        ],
        NOW,
    )

    assert (Level.WRONG, "key") == (finding.level, finding.check)
    assert "2 (1 since 2026-01-01T00:00:00Z from 203.0.113.9, 2)" in finding.found
    assert "devices key ID --enforce" in finding.todo


def test_many_ids_are_cut_short() -> None:
    """
    A line names some of many devices.
    """
    findings = fleet_checks.check_fleet(
        [device(str(n), state="quarantined") for n in range(9)], NOW
    )

    assert findings[0].found.endswith("9 (0, 1, 2, 3, 4, …).")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/notifications/door", "Monitor"),
        ("/x/api/notifications/dao?device_id=1", "Monitor"),
        ("/new_user_identified.fcgi?session=1", "online mode"),
        ("/push/push/push", "push_remote_address"),
        ("/result/push?deviceId=1", "push_remote_address"),
        ("/favicon.ico", None),
        ("/push?deviceId=1", "the key is left out"),
        ("/api/result/", "the key is left out"),
    ],
)
def test_hint(path: str, words: Any) -> None:
    """
    An unknown request shows which of the device's settings is wrong.
    """
    hint = fleet_checks.hint_for_path(path)

    assert (words is None) == (hint is None)
    assert (words or "") in (hint or "")


def test_held() -> None:
    """
    Commands that are held after a restore are a notice with their number.
    """
    (finding,) = fleet_checks.check_held([{"id": "7"}, {"id": "8"}])

    assert (Level.NOTICE, "held") == (finding.level, finding.check)
    assert "2 (7, 8)" in finding.found
    assert [] == fleet_checks.check_held([])


def calls(*paths: str, at: str | None = None) -> Json:
    """Return a device's unknown requests, as it is shown."""
    last = [{"path": path, "at": at or ago(60)} for path in paths]
    return {"unknownCalls": {"count": len(last), "last": last}}


def test_misdirected_devices() -> None:
    """
    Devices that do not poll and whose calls hint at a setting are wrong, in one line
    for each cause; other calls are a notice, which says where their paths are.
    """
    monitor = calls("/api/notifications/door", "/api/notifications/dao", "/robots.txt")
    findings = fleet_checks.check_unknown_requests(
        [
            device("7", lastSeenAt=ago(999), **monitor),
            device("8", lastSeenAt=ago(999), **monitor),
            device("9", **calls("/robots.txt")),
            device("10"),
        ],
        NOW,
    )

    assert [(Level.WRONG, "unknownCalls"), (Level.NOTICE, "unknownCalls")] == levels(
        findings
    )
    assert findings[0].found.endswith("2 (7, 8).")
    assert "Monitor" in findings[0].todo
    assert findings[1].found.endswith("1 (9).")
    assert "`pushserver devices show ID`" in findings[1].todo


def test_healthy_device_with_a_monitor() -> None:
    """
    A device that polls as it should is not wrong for what it sends besides, and what it
    sent long ago says nothing of its settings.
    """
    path = "/api/notifications/door"
    now = device("7", **calls(path))
    long_ago = device("8", lastSeenAt=ago(999), **calls(path, at=ago(4000)))

    (finding,) = fleet_checks.check_unknown_requests([now, long_ago], NOW)

    assert (Level.NOTICE, True) == (finding.level, "1 (7)" in finding.found)


def test_odd_devices_are_looked_at_first() -> None:
    """
    Among many devices, the unusual ones are checked one by one.
    """
    fine = [device(str(n)) for n in range(200)]
    unusual = [device("300", state="quarantined"), device("301", lastSeenAt=ago(99))]
    ids = fleet_checks.devices_to_inspect([*fine, *unusual], NOW)

    assert ["300", "301", "0"] == ids[:3]
    assert fleet_checks.MAX_INSPECTED == len(ids)


def test_in_flight() -> None:
    """
    Commands that are long with their devices are a line; those past their time another
    one, which is wrong.
    """
    usual = {"deviceId": "7", "endpoint": "load_objects", "responseTimeout": 180}
    commands = [
        {"id": str(seconds), "sentAt": ago(seconds), **usual}
        for seconds in (10, 100, 110, 300)
    ]
    findings = fleet_checks.check_in_flight(commands, NOW)

    assert [(Level.WRONG, "inFlight"), (Level.NOTICE, "inFlight")] == levels(findings)
    assert "1 (300)" in findings[0].found
    assert "2 (100, 110)" in findings[1].found
    fine = fleet_checks.check_in_flight(commands[:1], NOW)
    assert [(Level.OK, "commands")] == levels(fine)
