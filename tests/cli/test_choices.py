"""Words of which there are only some, and tags."""

import pytest

from pushserver.cli.choices import choose
from pushserver.cli.errors import UsageError
from pushserver.cli.pairs import without_tags
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (
            ["tokens", "create", "t", "--permission", "command:read"],
            "'command:read' is no permission; there are commands:read, ",
        ),
        (
            ["commands", "--state", "SUCCESFUL"],
            "'SUCCESFUL' is no state; there are SUCCESSFUL, ",
        ),
        (
            ["operations", "--status", "complete"],
            "'complete' is no status; there are COMPLETED, ",
        ),
        (
            ["devices", "--state", "adopt"],
            "'adopt' is no state; there are adopted, quarantined.",
        ),
        (
            ["devices", "--sort=-lastSeen"],
            "'lastSeen' is no order; there are lastSeenAt, ",
        ),
        (
            ["events", "--event", "device.onlin"],
            "'device.onlin' is no event; there are device.online, ",
        ),
        (
            ["subscriptions", "make", "http://x", "--event", "command.state"],
            "'command.state' is no event; there are command.status, ",
        ),
        (
            ["subscriptions", "deliveries", "1", "--state", "died"],
            "'died' is no state; there are dead, ",
        ),
        (
            ["audit", "--action", "tokens.create"],
            "'tokens.create' is no action; there are token.create, ",
        ),
        (
            ["audit", "--target-kind", "devices"],
            "'devices' is no kind; there are device, ",
        ),
    ],
)
def test_what_there_is(run: Run, argv: list[str], expected: str) -> None:
    """A word that is none is refused with all that there are, the nearest first."""
    ran = run(*argv)

    assert (2, "") == (ran.code, ran.out)
    assert expected in ran.err
    assert 1 == ran.err.count("\n")


def test_case_is_ignored() -> None:
    """A word may be written in any case."""
    assert "PENDING" == choose("pending", ["PENDING", "SENT"], "state")
    with pytest.raises(UsageError):
        choose("", ["PENDING"], "state")


@pytest.mark.parametrize("tag", ["site=north", "site:north"])
def test_tags_are_written_so(run: Run, device_id: str, tag: str) -> None:
    """A tag is key=value or key:value, whichever command takes it."""
    run("devices", "add", device_id, "--tag", tag)
    key, value = "site", "north"
    shown = run("devices", "show", device_id, "--json").only
    listed = run("devices", "--tag", tag, "--json").lines
    exported = run("devices", "export", "--tag", "no=such")
    token = run(
        "tokens", "create", "t", "--permission", "admin", "--tag", tag, "--json"
    ).only

    assert {key: value} == shown["tags"] == token["tags"]
    assert device_id in [each["deviceId"] for each in listed]
    assert 0 == exported.code


def test_tags_are_added_and_taken_away(run: Run, device_id: str) -> None:
    """`devices set` adds tags to those that there are, and takes away by the key."""
    run("devices", "add", device_id, "--tag", "site=north", "--tag", "floor=1")
    added = run("devices", "set", device_id, "--tag", "door=2", "--json").only
    changed = run(
        *("devices", "set", device_id, "--tag", "floor=2", "--untag", "site"),
        *("--untag", "door=9", "--json"),
    ).only

    assert {"site": "north", "floor": "1", "door": "2"} == added["tags"]
    assert {"floor": "2", "door": "2"} == changed["tags"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("lst",), "'lst' is no command; there are stats,"),
        (("commands", "lst"), "'lst' is no command; there are list,"),
        (("devices", "shw", "5"), "'shw' is no command; there are show,"),
        (("devices", "list", "x"), "'x' is too much"),
        (("devices", "list", "--bogus"), "--bogus"),
    ],
)
def test_wrong_command(run: Run, argv: tuple[str, ...], expected: str) -> None:
    """A word that is no command is refused with those that there are."""
    ran = run(*argv)

    assert (2, "", 1) == (ran.code, ran.out, ran.err.count("\n"))
    assert expected in ran.err


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        (["a"], {"b": "2"}),
        (["a=1", "b:2"], {}),
        (["a=2", "c"], {"a": "1", "b": "2"}),
    ],
)
def test_untag(removed: list[str], left: dict[str, str]) -> None:
    """A tag is taken away by its key, or as a whole if it has that value."""
    assert left == without_tags({"a": "1", "b": "2"}, removed)
