"""What deletes, or ends what runs on many devices, asks before it does so."""

import pytest

from tests.cli.conftest import Run
from tests.cli.test_access import answered

#: The commands, for a device with a command that waits; each is refused without --yes.
DESTRUCTIVE = (
    ("devices", "remove", "{device}"),
    ("commands", "cancel", "--device", "{device}"),
    ("tokens", "revoke", "{token}"),
    ("scopes", "delete", "1"),
    ("subscriptions", "delete", "1"),
    ("tasks", "cancel", "1"),
    ("upgrades", "cancel", "1"),
    ("purge", "2026-01-31T00:00:00Z"),
)


@pytest.mark.parametrize("argv", DESTRUCTIVE, ids=" ".join)
def test_nobody_to_ask(run: Run, device_id: str, argv: tuple[str, ...]) -> None:
    """Where nobody can be asked, nothing is done without --yes."""
    run("enqueue", device_id, "reboot", "--adopt")
    token = run("tokens", "create", "t", "--permission", "admin", "--json").only["id"]
    ran = run(*(each.format(device=device_id, token=token) for each in argv))
    tokens = [each["id"] for each in run("tokens", "--json").lines]
    (command,) = run("commands", "--device", device_id, "--json").lines

    assert (2, "") == (ran.code, ran.out)
    assert "If that is meant, give --yes." in ran.err
    assert "PENDING" == command["state"]
    assert token in tokens
    assert 0 == run("devices", "show", device_id).code


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_asked(
    run: Run, environ: dict[str, str], device_id: str, answer: str, left: int
) -> None:
    """In a terminal it is asked, with how many commands that is; only yes is yes."""
    run("enqueue", device_id, "reboot", "--adopt")
    code, _, question = answered(
        environ, answer, "commands", "cancel", "--device", device_id
    )
    waiting = run("commands", "--device", device_id, "--state", "pending", "--json")

    assert "Take back 1 commands?" in question
    assert (left, left) == (code, len(waiting.lines))


@pytest.mark.parametrize(
    ("argv", "note"),
    [
        (("release", "--all"), "No command is held.\n"),
        (("cancel", "--device", "{device}"), "No such command can be taken back.\n"),
    ],
)
def test_nothing_to_ask_about(
    run: Run, device_id: str, argv: tuple[str, ...], note: str
) -> None:
    """Where there is nothing to be done, that is said, and nobody is asked."""
    run("devices", "add", device_id)
    ran = run("commands", *(each.format(device=device_id) for each in argv))

    assert (0, note) == (ran.code, ran.err)
