"""`enqueue --to`: the same command for many devices, against a real server."""

import base64
import secrets
from pathlib import Path

import pytest

from pushserver.cli.context import UsageError
from pushserver.cli.enqueue_many import parse_targets
from tests.cli.conftest import Run, StartFleet
from tests.cli.terminal_run import TerminalRun


@pytest.fixture(name="tag")
def _tag(run: Run, device_id: str) -> str:
    """The tag of two devices: the one with this id, and the next one."""
    tag = f"at={device_id}"
    for offset in (0, 1):
        run("devices", "add", str(int(device_id) + offset), "--tag", f"at:{device_id}")
    return f"tag:{tag}"


def test_many_devices(run: Run, tag: str, device_id: str, fleet: StartFleet) -> None:
    """
    Each of the devices with the tag gets the command, and waiting follows them all.
    """
    enqueue = ("enqueue", "--to", tag, "load_objects", "object=users", "--yes")
    with fleet(device_id, 2):
        ran = run(*enqueue, "--wait")
    commands = run("commands", "--endpoint", "load_objects", "--json").lines
    mine = [
        run("commands", "show", each["id"], "--json").only
        for each in commands
        if int(each["deviceId"]) - int(device_id) in (0, 1)
    ]

    assert 0 == ran.code, ran.err
    assert [{"object": "users"}] * 2 == [each["body"] for each in mine]


def test_many_are_asked_about(run: Run, tag: str, environ: dict[str, str]) -> None:
    """
    On a terminal, it is asked with their number whether so many are meant.
    """
    terminal = TerminalRun(["enqueue", "--to", tag, "reboot"], environ)
    terminal.read_until("for 2 devices, 0 of them online? [y/N]")
    terminal.type("n")

    assert 1 == terminal.end()
    assert [] == run("commands", "--device", tag.rpartition("=")[2], "--json").lines


def test_many_without_a_terminal(run: Run, tag: str) -> None:
    """
    Where nobody can be asked, nothing is enqueued without --yes.
    """
    refused = run("enqueue", "--to", tag, "reboot")
    made = run("enqueue", "--to", tag, "reboot", "--yes", "--json")

    assert (2, True) == (refused.code, "2 devices" in refused.err)
    assert (0, 2) == (made.code, made.only["devices"])


@pytest.mark.parametrize("as_one", [True, False])
def test_dry_run(run: Run, tag: str, device_id: str, as_one: bool) -> None:
    """
    A dry run says which devices would get the command, has the server check it, and
    enqueues nothing.
    """
    words = (device_id,) if as_one else ("--to", tag)
    shown = run("enqueue", *words, "reboot", "--dry-run", "--json").only
    refused = run("enqueue", *words, "a/b", "--dry-run")

    assert (True, 1 if as_one else 2) == (shown["dryRun"], shown["devices"])
    assert (1, True) == (refused.code, "endpoint" in refused.err)
    assert [] == run("commands", "--device", device_id, "--json").lines


def test_photo_for_many(
    run: Run, tag: str, device_id: str, fleet: StartFleet, tmp_path: Path
) -> None:
    """
    The bytes of a file are what each device gets.
    """
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(secrets.token_bytes(1000))
    words = ("user_set_image", "--file", str(photo), "--query", "user_id=7")
    with fleet(device_id, 2):
        ran = run("enqueue", "--to", tag, *words, "--yes", "--wait")
    listed = run("commands", "--device", device_id, "--json").only
    command = run("commands", "show", listed["id"], "--json").only

    assert "user_id=7" == command["queryString"], ran.err
    assert "application/octet-stream" == command["contentType"]
    assert photo.read_bytes() == base64.b64decode(command["body"])


def test_nobody_is_meant(run: Run) -> None:
    """
    A tag that no device has is an error, not a task without devices.
    """
    ran = run("enqueue", "--to", "tag:no=body", "reboot", "--yes")

    assert 1 == ran.code
    assert 1 == ran.err.count("\n")


def test_options_for_one_device(run: Run, tag: str) -> None:
    """
    What only one queue has is refused for many.
    """
    for options in (["--supersede", "x"], ["--adopt"]):
        assert 2 == run("enqueue", "--to", tag, "reboot", *options).code


def test_targets() -> None:
    """
    `--to` is all, ids, or tags, and not a mixture.
    """
    assert {"all": True} == parse_targets("all")
    assert {"deviceIds": ["1", "2"]} == parse_targets("1,2")
    assert {"tags": {"a": "b", "c": "d"}} == parse_targets("tag:a=b,tag:c=d")
    for wrong in ("", ",", "1,tag:a=b", "all,1", "tag:a"):
        with pytest.raises(UsageError):
            parse_targets(wrong)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (
            "tags:site=north",
            "'tags:site=north' means no devices; --to takes tag:key=value, ",
        ),
        ("1,site=north", "'site=north' means no devices; --to takes tag:key=value, "),
        ("47843x", "'47843x' means no devices; --to takes 478435,478436 (ids), "),
        ("al", "'al' means no devices; --to takes all, "),
        ("1,all", "'1,all' means no devices; --to takes "),
    ],
)
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_no_devices(run: Run, to: str, expected: str, option: str) -> None:
    """
    What `--to` does not take is refused with all that it takes, the nearest first.
    """
    ran = run("enqueue", "--to", to, "reboot", option)

    assert 2 == ran.code
    assert ran.err.startswith(f"pushserver: {expected}")


def test_body_from_a_file(
    run: Run, device_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A body of JSON is given as text, as a file, or on the standard input.
    """
    run("devices", "add", device_id)
    file = tmp_path / "body.json"
    file.write_text('{"object": "users"}')
    enqueue = ("enqueue", device_id, "load_objects", "--json")
    for option in (("--body", f"@{file}"), ("--file", str(file))):
        queued = run(*enqueue, *option).only
        assert {"object": "users"} == queued["body"]
        assert "application/json" == queued["contentType"]
    for option in (("--body", "-"), ("--body", "@-")):
        with file.open() as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            assert {"object": "users"} == run(*enqueue, *option).only["body"]
    assert 1 == run(*enqueue, "--body", "@/no/such/file").code


@pytest.mark.parametrize(
    ("name", "content", "content_type", "body"),
    [
        ("a.json", b"[1]", None, [1]),
        ("a.txt", b"[1]", None, "WzFd"),
        ("a.json", b"[1]", "application/octet-stream", "WzFd"),
        ("a", b"[1]", "application/json", [1]),
        ("a.xml", b"<a/>", "text/xml", "<a/>"),
    ],
)
def test_type_of_a_file(
    run: Run,
    device_id: str,
    tmp_path: Path,
    name: str,
    content: bytes,
    content_type: str | None,
    body: object,
) -> None:
    """
    A file named .json is JSON, every other one bytes, unless its type is said.
    """
    run("devices", "add", device_id)
    file = tmp_path / name
    file.write_bytes(content)
    options = ["--content-type", content_type] if content_type else []
    queued = run(
        *("enqueue", device_id, "x", "--file", str(file), *options, "--json")
    ).only

    assert body == queued["body"]
    assert content_type in (None, queued["contentType"])


def test_file_is_not_of_its_type(run: Run, device_id: str, tmp_path: Path) -> None:
    """
    A file that is not what it is said to be is a wrong use, in one line.
    """
    file = tmp_path / "a.json"
    file.write_bytes(b"\xff")
    for options in ([], ["--content-type", "text/plain"]):
        ran = run("enqueue", device_id, "x", "--file", str(file), *options)
        assert (2, 1) == (ran.code, ran.err.count("\n"))
