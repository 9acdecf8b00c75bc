"""What `doctor` makes of what it sees."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pushserver.cli import checks
from pushserver.cli.checks import Level
from pushserver.client import ApiError, ApiResponse, Json

NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)


def answered(
    status: int = 200, headers: Mapping[str, str] | None = None
) -> ApiResponse:
    """Return an answer of the server."""
    return ApiResponse(status, headers or {}, b"ok")


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


def subscription(number: int, **fields: Any) -> Json:
    """Return a subscription that goes well, but for *fields*."""
    usual = {"state": "active", "backlog": {"dead": 0}}
    return {"id": str(number), **usual, **fields}


@pytest.mark.parametrize(
    ("token", "server", "expected"),
    [
        ("pst_only-for-trying-things-out", "http://127.0.0.1:8080", [Level.NOTICE]),
        ("pst_only-for-trying-things-out", "https://push.example", [Level.WRONG]),
        ("pst_9f3a61d07c58be24f1906da3b87e5c42", "https://push.example", []),
        (None, "https://push.example", []),
    ],
)
def test_token_strength(token: str | None, server: str, expected: list[Level]) -> None:
    """
    A token that can be guessed is wrong where others reach the server.
    """
    findings = checks.check_token_strength(token, server)

    assert expected == [each.level for each in findings]
    assert all("openssl rand" in each.todo for each in findings)


def test_webhooks() -> None:
    """
    Receivers that fail are one wrong line; what somebody stopped, and dead letters, are
    notices.
    """
    failing = [
        subscription(n, state="paused", failingSince="2026-11-20T12:00:00Z")
        for n in (1, 2)
    ]
    findings = checks.check_subscriptions(
        [
            *failing,
            subscription(3, state="disabled"),
            subscription(4, backlog={"dead": 9}),
            subscription(5),
        ]
    )

    assert [Level.WRONG, Level.NOTICE, Level.NOTICE] == [f.level for f in findings]
    assert ["2 (1, 2).", "1 (3).", "1 (4)."] == [
        f.found.partition(": ")[2] for f in findings
    ]
    assert all(finding.todo for finding in findings)


def test_webhooks_are_fine() -> None:
    """
    Subscriptions that go well are one line, and where there is none nothing is said.
    """
    (finding,) = checks.check_subscriptions([subscription(1), subscription(2)])

    assert (Level.OK, True) == (finding.level, "2" in finding.found)
    assert [] == checks.check_subscriptions([])
