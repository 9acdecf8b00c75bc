"""What is printed in a terminal, and what where programs read, by the real program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.text import Text

from tests.cli.conftest import (
    PollOnce,
    Run,
    RunInTerminal,
    RunResult,
    StartFleet,
    WriteSteps,
)

NAME = "The back door of the warehouse beside the loading ramp"
LONG_TEXT = "no line of any terminal is as long as this one " * 10
#: One row for a long thing of each list that there is.
LISTS = (
    *("commands", "devices", "results", "operations", "tasks", "upgrades"),
    *("subscriptions", "tokens", "scopes", "audit"),
)


@pytest.fixture(name="device_id")
def _device_id(device_id: str, run: Run) -> str:
    """The id of a device whose name is too long for any table."""
    tags = ("--tag", f"site={device_id}", "--tag", "floor:1")
    assert 0 == run("devices", "add", device_id, "--name", NAME, *tags).code
    return device_id


@pytest.fixture(name="command_id")
def _command_id(run: Run, device_id: str, poll_once: PollOnce) -> str:
    """The id of a command with a long body, and a long answer."""
    body = ("object=users", f"note={LONG_TEXT}")
    command = run("enqueue", device_id, "load_objects", "--adopt", *body, "--json").only
    poll_once()
    return str(command["id"])


@pytest.fixture(name="fleet_tag")
def _fleet_tag(run: Run, device_id: str, tmp_path: Path) -> str:
    """A tag of 60 devices."""
    file, first = tmp_path / "fleet.ndjson", int(device_id)
    devices = [
        {"deviceId": str(first + n), "tags": {"of": device_id}} for n in range(60)
    ]
    file.write_text("\n".join(map(json.dumps, devices)))
    assert 0 == run("devices", "import", str(file)).code
    return f"of={device_id}"


def _rows(ran: RunResult) -> list[str]:
    """Return the rows of a table without its heading, and without colours."""
    assert 0 == ran.code, ran.err
    return [Text.from_ansi(line).plain for line in ran.out.splitlines()[1:]]


@pytest.mark.parametrize("columns", [80, 200])
def test_a_row_is_one_line(
    run: Run,
    run_in_terminal: RunInTerminal,
    command_id: str,
    device_id: str,
    steps_file: WriteSteps,
    columns: int,
) -> None:
    """In a terminal each row of each list is one line, that is not wider than it."""
    steps = steps_file("load_objects")
    target = ("--device", device_id)
    run("tasks", "make", "--steps", steps, *target, "--name", NAME)
    url = f"https://example.com/{device_id}/{columns}/a/hook/with/a/long/path/to/it"
    run("subscriptions", "make", url, "--event", "device.offline", *target)
    widths = {}
    for name in LISTS:
        expected = run(name, "--json").lines
        rows = _rows(run_in_terminal(name, columns=columns))
        widths[name] = max(map(cell_len, rows), default=0)
        if len(expected) <= 50:
            assert len(expected) == len(rows), name

    assert command_id
    assert {} == {name: width for name, width in widths.items() if width > columns}


def test_a_list_for_people(
    run_in_terminal: RunInTerminal, command_id: str, device_id: str
) -> None:
    """
    A list has the device's name, how long ago it was, and the state as a word.

    An id is never cut, and a name that is too long is.
    """
    ran = run_in_terminal("commands", "--device", device_id)
    (row,) = _rows(ran)
    (wide,) = _rows(run_in_terminal("commands", "--device", device_id, columns=300))

    assert ["id", "device", "endpoint", "state"] == _rows_heading(ran)[:4]
    assert row.startswith(f"{command_id}  The back d")
    assert "…" in row
    assert "SUCCESSFUL" in row
    assert "s ago" in row
    assert NAME in wide
    assert "\x1b[32mSUCCESSFUL" in ran.out


def _rows_heading(ran: RunResult) -> list[str]:
    return Text.from_ansi(ran.out.splitlines()[0]).plain.split()


def test_devices_for_people(run_in_terminal: RunInTerminal, device_id: str) -> None:
    """A device has its whole id, and its tags as they are given."""
    ran = run_in_terminal("devices", "--tag", f"site={device_id}", columns=200)
    (row,) = _rows(ran)

    assert row.startswith(f"{device_id}  ")
    assert f"site={device_id} floor=1" in row


def test_fields_are_chosen(
    run: Run, run_in_terminal: RunInTerminal, command_id: str
) -> None:
    """
    Of one thing `--columns` shows some fields, and says which there are not.
    """
    show = ("commands", "show", command_id, "--columns")
    piped = run(*show, "State,id,bogus")
    shown = run_in_terminal(*show, "endpoint")
    nothing = run(*show, "bogus")

    assert ["state", "id"] == [row.split("\t")[0] for row in piped.out.splitlines()]
    assert (0, "There is no bogus here.\n") == (piped.code, piped.err)
    assert ["endpoint"] == _rows_heading(shown)[:1]
    assert 1 == shown.out.count("\n")
    assert f"id\t{command_id}" in nothing.out


def test_columns_and_json(run: Run) -> None:
    """
    JSON has all fields: it is refused to choose some, and not ignored.
    """
    ran = run("commands", "--json", "--columns", "id")

    assert (2, "", 1) == (ran.code, ran.out, ran.err.count("\n"))


def test_columns_are_chosen(
    run: Run, run_in_terminal: RunInTerminal, command_id: str, device_id: str
) -> None:
    """
    `--columns` says which, by their names here or in the API; `--utc` wants instants.

    `--wide` shows all of them, and cuts nothing.
    """
    mine = ("commands", "--device", device_id)
    (created,) = run(*mine, "--json").lines
    chosen = run(*mine, "--columns", "state,device,createdAt")
    utc = run_in_terminal(*mine, "--columns", "id,Created", "--utc")
    (wide,) = _rows(run_in_terminal(*mine, "--wide"))

    instant = created["createdAt"]
    assert f"state\tdeviceId\tcreatedAt\nSUCCESSFUL\t{device_id}\t{instant}\n" == (
        chosen.out
    )
    assert [f"{command_id}  {instant[:19]}Z"] == _rows(utc)
    assert NAME in wide
    assert "atLeastOnce" in wide


def test_a_column_that_is_none(run: Run) -> None:
    """A column that there is not is refused, and the nearest is named first."""
    ran = run("commands", "--columns", "id,stat")

    assert 2 == ran.code
    assert "'stat' is no column; there are state, " in ran.err


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_one_thing_is_never_shortened(
    run: Run, run_in_terminal: RunInTerminal, command_id: str, columns: int
) -> None:
    """One thing is shown whole, its JSON indented, in however narrow a terminal."""
    shown = run_in_terminal("commands", "show", command_id, columns=columns).out
    result = run("commands", "show", command_id, "--json").only["result"]
    plain = Text.from_ansi(shown).plain

    assert "…" not in shown
    assert LONG_TEXT in plain
    assert '"response": {\n' in plain
    assert result["response"]["users"][0]["name"] in plain
    assert "s ago)\n" in plain


def test_steps_are_never_shortened(
    run: Run, run_in_terminal: RunInTerminal, device_id: str, steps_file: WriteSteps
) -> None:
    """The steps of an operation are a table; in a narrow terminal blocks of fields."""
    steps = ("--steps", steps_file("load_objects", "system_information"))
    operation = run("operations", "begin", device_id, *steps, "--json").only
    wide = run_in_terminal("operations", "show", operation["id"], columns=200).out
    narrow = run_in_terminal("operations", "show", operation["id"], columns=30).out

    assert "2     the system_information  system_information" in wide
    assert "resource  \x1b[0mthe system_information\n" in narrow
    assert "…" not in wide + narrow


@pytest.mark.parametrize("columns", [60, 200])
def test_failures_have_names(
    run: Run,
    run_in_terminal: RunInTerminal,
    fleet: StartFleet,
    device_id: str,
    steps_file: WriteSteps,
    columns: int,
) -> None:
    """The failures of a task say which device it is, by its name and its id."""
    steps = ("--steps", steps_file("no_such_endpoint"), "--device", device_id)
    with fleet(device_id):
        *_, task = run("tasks", "make", *steps, "--follow", "--json").lines
    shown = run_in_terminal("tasks", "show", task["id"], columns=columns).out

    assert f"{NAME} ({device_id})" in shown
    assert "Invalid endpoint: no_such_endpoint" in shown


def test_off_a_terminal_all_is_exact(run: Run, command_id: str, device_id: str) -> None:
    """
    Where programs read, tables are separated by tabs: nothing is cut or padded.

    One thing has a line for each field, whatever is in it.
    """
    (command,) = run("commands", "--device", device_id, "--json").lines
    table = run("commands", "--device", device_id).out
    shown = dict(
        line.split("\t")
        for line in run("commands", "show", command_id).out.splitlines()
    )

    heading, row = (line.split("\t") for line in table.splitlines())
    assert command["createdAt"] == row[heading.index("createdAt")]
    assert device_id == row[heading.index("deviceId")]
    assert command["result"] == json.loads(shown["result"])
    assert command["createdAt"] == shown["createdAt"]


def test_results_print_the_response(
    run: Run, run_in_terminal: RunInTerminal, command_id: str, device_id: str
) -> None:
    """Results say what the device answered, off a terminal all of it."""
    (item,) = run("results", "--device", device_id, "--json").lines
    heading, row = run("results", "--device", device_id).out.splitlines()
    outcome = row.split("\t")[heading.split("\t").index("outcome")]
    (line,) = _rows(run_in_terminal("results", "--device", device_id))

    assert command_id == item["commandId"]
    assert item["response"] == json.loads(outcome)
    assert '{"users":[{"id":1,' in line


def test_json(run: Run, run_in_terminal: RunInTerminal, device_id: str) -> None:
    """JSON is indented and coloured in a terminal, and one line elsewhere."""
    argv = ("devices", "show", device_id, "--json")
    printed = run(*argv)
    coloured = run_in_terminal(*argv, columns=40).out

    assert 1 == printed.out.count("\n")
    assert f'  \x1b[1;34m"deviceId"\x1b[0m: \x1b[32m"{device_id}"\x1b[0m' in coloured
    assert printed.only == json.loads(Text.from_ansi(coloured).plain)


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours(
    run_in_terminal: RunInTerminal,
    command_id: str,
    device_id: str,
    variable: dict[str, str],
) -> None:
    """NO_COLOR and a dumb terminal get plain text, and JSON that is indented."""
    listed = run_in_terminal("commands", "--device", device_id, **variable)
    shown = run_in_terminal("commands", "show", command_id, "--json", **variable)

    assert "\x1b" not in listed.out + shown.out
    assert command_id == json.loads(shown.out)["id"]


def test_columns_of_the_environment(
    run_in_terminal: RunInTerminal, command_id: str, device_id: str
) -> None:
    """COLUMNS is how wide a terminal is, whatever it says itself."""
    mine = ("commands", "--device", device_id)
    narrow = run_in_terminal(*mine, columns=200, COLUMNS="50", TERM="dumb")

    assert ["id", "device", "endpoint"] == _rows_heading(narrow)
    assert max(map(cell_len, _rows(narrow))) <= 50
    assert command_id in narrow.out


def test_how_much_of_a_list(
    run: Run, run_in_terminal: RunInTerminal, fleet_tag: str
) -> None:
    """
    A list ends after 50, or `--limit`, and says on stderr of how many; `--all` is all.

    JSON is all, unless a limit is given.
    """
    listed = ("devices", "--tag", fleet_tag)
    first, shown = run(*listed), run_in_terminal(*listed)
    every, by_json = run(*listed, "--all"), run(*listed, "--json")
    few = run(*listed, "--json", "--limit", "5")

    assert [50, 50, 60] == [len(_rows(ran)) for ran in (first, shown, every)]
    assert ["50 of 60; --all\n"] * 2 == [first.err, shown.err]
    assert ["", "", ""] == [every.err, by_json.err, few.err]
    assert [60, 5] == [len(by_json.lines), len(few.lines)]
    assert 2 == run(*listed, "--all", "--limit", "5").code


def test_more_results(run: Run, run_in_terminal: RunInTerminal, device_id: str) -> None:
    """Results that are not printed are told of, with the cursor to go on from."""
    for argv in (["results"], ["audit"]):
        run("devices", "set", device_id, "--hold", "1")
        ran = run_in_terminal(*argv, "--limit", "1")
        rest = "1 of " in ran.err

        assert rest == (len(run(*argv, "--json").lines) > 1)


def test_nothing_to_list(run: Run, run_in_terminal: RunInTerminal) -> None:
    """An empty list is said in a terminal, and is its heading elsewhere."""
    nothing = ("devices", "--tag", "no=such")

    assert ("", "There are none.\n") == (
        run_in_terminal(*nothing).out,
        run_in_terminal(*nothing).err,
    )
    assert 1 == run(*nothing).out.count("\n")
    assert "" == run(*nothing, "--json").out


@pytest.mark.parametrize(
    "argv", [["devices"], ["devices", "--json"], ["audit"], ["openapi"], ["--help"]]
)
def test_nobody_reads(environ: dict[str, str], device_id: str, argv: list[str]) -> None:
    """When the reader has gone there is no trace of an error."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    ran = subprocess.run(  # noqa: S603 - the program itself
        [sys.executable, "-m", "pushserver", *argv],
        env=os.environ | environ,
        cwd=Path(__file__).parents[2],
        stdout=write_end,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write_end)

    assert device_id
    assert (1, b"") == (ran.returncode, ran.stderr)
