"""What `doctor` makes of what it sees."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pushserver.cli import checks
from pushserver.cli.checks import Finding, Level
from pushserver.client import ApiError, ApiResponse, Json

NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)


def ago(seconds: float) -> str:
    """Return an instant as the API writes it."""
    instant = NOW - timedelta(seconds=seconds)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def device(device_id: str, **fields: Any) -> Json:
    """Return a device that polls as it should, but for *fields*."""
    usual = {"state": "adopted", "lastSeenAt": ago(1), "pollPeriod": 5.0}
    return {"deviceId": device_id, **usual, **fields}


def answered(
    status: int = 200, headers: Mapping[str, str] | None = None
) -> ApiResponse:
    """Return an answer of the server."""
    return ApiResponse(status, headers or {}, b"ok")


def levels(findings: list[Finding]) -> list[tuple[Level, str]]:
    """Return how bad each finding is, and what it is about."""
    return [(finding.level, finding.check) for finding in findings]


def test_server_and_its_version() -> None:
    """
    A server that answers is named with its version.
    """
    finding = checks.check_server(
        "http://x", answered(), {"info": {"version": "0.1.0"}}
    )

    assert "http://x answers, version 0.1.0." == finding.found
    assert Level.WRONG is checks.check_server("http://x", answered(502), {}).level


def test_ready() -> None:
    """
    A server whose store is away is not ready.
    """
    assert Level.OK is checks.check_readiness(answered()).level
    assert Level.WRONG is checks.check_readiness(answered(503)).level


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, Level.OK, "agrees"),
        (-4, Level.OK, "agrees"),
        (90, Level.WRONG, "90 s ahead of this one"),
        (-90, Level.WRONG, "90 s behind this one"),
    ],
)
def test_clock(seconds: float, level: Level, words: Any) -> None:
    """
    Two clocks may differ by as much as the Date header cannot resolve, and no more.
    """
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    finding = checks.check_clock(answered(headers={"Date": date}), NOW)

    assert level is finding.level
    assert words in finding.found


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_no_clock(headers: dict[str, str]) -> None:
    """
    Without a Date there is nothing to compare, which is no failure.
    """
    assert Level.NOTICE is checks.check_clock(answered(headers=headers), NOW).level


def test_token_may_read_everything() -> None:
    """
    A token that was refused nothing is fine.
    """
    assert Level.OK is checks.check_token({"devices": None, "tokens": None}).level


def test_token_may_read_some() -> None:
    """
    A token with fewer permissions is worth a line that says which.
    """
    refused = ApiError(403, {"detail": "It needs tokens:read."})
    finding = checks.check_token({"devices": None, "tokens": refused})

    assert Level.NOTICE is finding.level
    assert "tokens: It needs tokens:read." in finding.found


def test_token_is_worthless() -> None:
    """
    A token that is not valid, or may read nothing, is wrong.
    """
    unknown, forbidden = ApiError(401, {}), ApiError(403, {})

    assert Level.WRONG is checks.check_token({"devices": unknown, "tokens": None}).level
    assert Level.WRONG is checks.check_token({"devices": forbidden}).level


def test_fleet_is_fine() -> None:
    """
    Devices that poll are one line.
    """
    findings = checks.check_fleet([device("1"), device("2", lastSeenAt=ago(29))], NOW)

    assert [(Level.OK, "devices")] == levels(findings)
    assert "Devices that poll as they should: 2." == findings[0].found


def test_fleet_is_not() -> None:
    """
    Each kind of trouble is a line, with the ids and with what to do.
    """
    unseen = {"deviceId": "2", "state": "adopted"}
    findings = checks.check_fleet(
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
        (Level.NOTICE, "quarantine"),
        (Level.WRONG, "unseen"),
        (Level.WRONG, "offline"),
    ] == levels(findings)
    assert ["1 (1).", "1 (2).", "2 (3, 4)."] == [
        f.found.partition(": ")[2] for f in findings
    ]
    assert all(finding.todo for finding in findings)


def test_two_terminals_with_one_id() -> None:
    """
    A device that two addresses poll as is said, with what to do.
    """
    seen = ago(1)
    (finding,) = checks.check_fleet(
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
    (finding,) = checks.check_fleet(
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
    findings = checks.check_fleet(
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
        ("/push?deviceId=1", "without its key"),
        ("/api/result/", "without its key"),
    ],
)
def test_hint(path: str, words: Any) -> None:
    """
    An unknown request shows which of the device's settings is wrong.
    """
    hint = checks.hint_for_path(path)

    assert (words is None) == (hint is None)
    assert (words or "") in (hint or "")


def test_held() -> None:
    """
    Commands that are held after a restore are a notice with their number.
    """
    (finding,) = checks.check_held([{"id": "7"}, {"id": "8"}])

    assert (Level.NOTICE, "held") == (finding.level, finding.check)
    assert "2 (7, 8)" in finding.found
    assert [] == checks.check_held([])


def test_misdirected_device() -> None:
    """
    A device whose calls hint at its settings is wrong; other calls are a notice, which
    says where their paths are.
    """
    last = [{"path": "/api/notifications/door"}, {"path": "/api/notifications/dao"}]
    strange = device("7", unknownCalls={"count": 12, "last": last})
    harmless = device("8", unknownCalls={"count": 1, "last": [{"path": "/robots.txt"}]})
    findings = checks.check_unknown_requests([strange, harmless, device("9")])

    assert [(Level.WRONG, "unknownCalls"), (Level.NOTICE, "unknownCalls")] == levels(
        findings
    )
    assert "`pushserver devices show 8`" in findings[1].todo
    assert "Device 7 made calls that are not Push: 12." == findings[0].found


def test_odd_devices_are_looked_at_first() -> None:
    """
    Among many devices, the unusual ones are checked one by one.
    """
    fine = [device(str(n)) for n in range(200)]
    unusual = [device("300", state="quarantined"), device("301", lastSeenAt=ago(99))]
    ids = checks.devices_to_inspect([*fine, *unusual], NOW)

    assert ["300", "301", "0"] == ids[:3]
    assert checks.MAX_INSPECTED == len(ids)


def test_in_flight() -> None:
    """
    A command that is long with its device is a line; past its time, it is wrong.
    """
    usual = {"deviceId": "7", "endpoint": "load_objects", "responseTimeout": 180}
    commands = [
        {"id": str(seconds), "sentAt": ago(seconds), **usual}
        for seconds in (10, 100, 300)
    ]

    assert [(Level.NOTICE, "inFlight"), (Level.WRONG, "inFlight")] == levels(
        checks.check_in_flight(commands, NOW)
    )
    assert [(Level.OK, "commands")] == levels(checks.check_in_flight(commands[:1], NOW))
