"""`enqueue` and `commands` against a real server."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pushserver.cli import main
from tests.cli.conftest import PollOnce, Run


def test_enqueue(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    A command from the command line is answered by its device.
    """
    queued = run(
        "enqueue", device_id, "load_objects", "--adopt", "object=users", "--json"
    ).only
    poll_once()
    shown = run("commands", "show", queued["id"], "--json").only

    assert {"object": "users"} == queued["body"]
    assert "SUCCESSFUL" == shown["state"]
    assert "Walter White" == shown["result"]["response"]["users"][0]["name"]


def test_enqueue_for_people(run: Run, device_id: str) -> None:
    """
    People read the state, and that the device has never polled.
    """
    ran = run("enqueue", device_id, "system_information", "--adopt")

    assert 0 == ran.code
    assert "PENDING" in ran.out
    assert "never polled" in ran.err


def test_every_option(run: Run, device_id: str) -> None:
    """
    Every option of the command line arrives in the command.
    """
    ran = run(
        *(
            "enqueue",
            device_id,
            "load_objects",
            "--adopt",
            "--body",
            '{"object":"users"}',
        ),
        *("--verb", "POST", "--query", "a=b c", "--priority", "-5"),
        *("--expires-in", "600", "--not-before", "2100-01-01T00:00:00Z"),
        *("--response-timeout", "90", "--delivery", "atMostOnce"),
        *("--max-attempts", "1", "--json"),
    )
    expected = {
        "body": {"object": "users"},
        "verb": "POST",
        "queryString": "a=b+c",
        "priority": -5,
        "notBefore": "2100-01-01T00:00:00.000000Z",
        "expiresAt": "2100-01-01T00:10:00.000000Z",
        "responseTimeout": 90,
        "delivery": "atMostOnce",
        "maxAttempts": 1,
    }

    assert 0 == ran.code, ran.err
    assert expected == {name: ran.only.get(name) for name in expected}


def test_file(run: Run, poll_once: PollOnce, device_id: str, tmp_path: Path) -> None:
    """
    A file's bytes arrive at the device as they are.
    """
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(secrets.token_bytes(10_000))
    ran = run(
        *("enqueue", device_id, "user_set_image", "--adopt", "--file", str(photo)),
        *("--query", "user_id=7", "--query", "timestamp=1700000000"),
    )
    images = poll_once().firmware.gallery.images

    assert 0 == ran.code, ran.err
    assert photo.read_bytes() == images[7].content


def test_same_key(run: Run, device_id: str) -> None:
    """
    With the same key a command is enqueued once.
    """
    key = secrets.token_hex()
    argv = (
        "enqueue",
        device_id,
        "reboot",
        "--adopt",
        "--idempotency-key",
        key,
        "--json",
    )

    assert run(*argv).only["id"] == run(*argv).only["id"]


@pytest.mark.parametrize(
    ("endpoint", "code", "state"),
    [("system_information", 0, "SUCCESSFUL"), ("make_coffee", 1, "FAILED")],
)
def test_wait(
    run: Run,
    poll_once: PollOnce,
    device_id: str,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    endpoint: str,
    code: int,
    state: str,
) -> None:
    """
    Waiting ends with the outcome, which is the exit code.
    """
    run("devices", "add", device_id, "--hold", "20")
    argv = ["enqueue", device_id, endpoint, "--adopt", "--wait", "20"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(main, argv, environ)
        poll_once()

    assert code == waiting.result()
    assert state in capsys.readouterr().out


def test_wait_in_vain(run: Run, device_id: str) -> None:
    """
    A command whose time of waiting is over is no success.
    """
    ran = run(
        "enqueue", device_id, "system_information", "--adopt", "--wait", "0.1", "--json"
    )

    assert (1, "PENDING") == (ran.code, ran.only["state"])


def test_list_and_filters(run: Run, device_id: str) -> None:
    """
    Commands are listed newest first, and by what is asked for.
    """
    ids = [
        run("enqueue", device_id, endpoint, "--adopt", "--json").only["id"]
        for endpoint in ("reboot", "load_objects", "reboot")
    ]
    mine = ("commands", "list", "--device", device_id, "--json")

    assert ids[::-1] == [each["id"] for each in run(*mine).lines]
    assert ids[2:] == [each["id"] for each in run(*mine, "--limit", "1").lines]
    assert [ids[1]] == [
        each["id"] for each in run(*mine, "--endpoint", "load_objects").lines
    ]
    for none in (("--state", "failed"), ("--created-after", "2100-01-01T00:00:00Z")):
        ran = run(*mine, *none)
        assert (0, []) == (ran.code, ran.lines)
    assert ids[0] in run("commands", "--device", device_id).out


def test_cancel_and_retry(run: Run, device_id: str) -> None:
    """
    A command is canceled once, and a new one like it made.
    """
    command_id = run("enqueue", device_id, "reboot", "--adopt", "--json").only["id"]
    canceled = run("commands", "cancel", command_id, "--json").only
    again = run("commands", "cancel", command_id)
    fresh = run("commands", "retry", command_id, "--json").only

    assert "CANCELED" == canceled["state"]
    assert 1 == again.code
    assert ("PENDING", "reboot") == (fresh["state"], fresh["endpoint"])


def test_cancel_nothing(run: Run, device_id: str) -> None:
    """
    An option that is empty, as with a shell's unset variable, matches nothing.
    """
    run("enqueue", device_id, "load_objects", "--adopt")
    cancel = ("commands", "cancel", "--json", "--yes", "--device", device_id)
    for option in ("--endpoint", "--supersede"):
        assert 0 == run(*cancel, option, "").only["canceled"]
    assert 1 == run(*cancel).only["canceled"]


def test_cancel_many(run: Run, device_id: str) -> None:
    """
    Several commands are taken back by their ids, or by what they have in common.
    """
    ids = [
        run("enqueue", device_id, name, "--adopt", "--json").only["id"]
        for name in ("reboot", "reboot", "load_objects", "load_objects")
    ]
    mine = ("--device", device_id, "--json")
    counted = run("commands", "cancel", "--state", "pending", *mine, "--dry-run").only
    listed = run("commands", "cancel", *ids[2:], "--json").only
    filtered = run("commands", "cancel", "--endpoint", "reboot", "--yes", *mine).only
    neither = run("commands", "cancel")
    both = run("commands", "cancel", ids[0], "--device", device_id)

    assert (True, 4) == (counted["dryRun"], counted["canceled"])
    assert (2, 0) == (listed["canceled"], listed["unknown"])
    assert {"PENDING": 2} == filtered["states"]
    assert (2, 2) == (neither.code, both.code)


def test_supersede(run: Run, device_id: str) -> None:
    """
    A command takes the place of one that waits with the same key, and people are told.
    """
    keyed = ("enqueue", device_id, "load_objects", "--adopt", "--supersede", "users")
    first = run(*keyed, "--json").only
    second = run(*keyed)
    listed = run("commands", "--supersede", "users", "--device", device_id, "--json")

    assert first["id"] in second.err
    assert ["PENDING", "CANCELED"] == [each["state"] for each in listed.lines]


def test_result(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    A result is printed as the device posted it, or as it was understood.
    """
    command_id = run(
        "enqueue", device_id, "message_to_screen", "--adopt", "--json"
    ).only["id"]
    none = run("commands", "result", command_id)
    poll_once()

    assert 1 == none.code
    assert run("commands", "result", command_id).out.startswith('{"error":')
    assert "error" in run("commands", "result", command_id, "--json").only


def test_refusal_is_one_line(run: Run, device_id: str) -> None:
    """
    A refusal by the server is one line, which names the field.
    """
    ran = run("enqueue", device_id, "a/b", "--adopt")

    assert (1, "") == (ran.code, ran.out)
    assert "endpoint" in ran.err
    assert 1 == ran.err.count("\n")
