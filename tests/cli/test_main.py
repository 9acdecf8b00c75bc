"""The command line's own rules: codes, flags, and what is printed where."""

import json
import shlex
import socket
import subprocess
import sys
from typing import Any

import pytest

from pushserver.cli import COMMANDS, build_app, main
from pushserver.cli.context import (
    DEFAULT_SERVER,
    CliContext,
    CliError,
)
from pushserver.cli.enqueue import expand_wait_flag
from pushserver.cli.examples import EXAMPLES, known_values
from pushserver.cli.printing import format_exact, strip_unprintable
from pushserver.cli.simulate import parse_device_keys

#: As many are loaded in a fifth of a second.
MAX_MODULES = 475


@pytest.fixture(name="nowhere")
def _nowhere() -> str:
    """Return the address of a port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize(
    "argv",
    [
        ["make-coffee"],
        ["enqueue", "5"],
        ["enqueue", "5", "load_objects", "users"],
        ["enqueue", "5", "load_objects", "a=1", "--body", "{}"],
        ["enqueue", "5", "load_objects", "--body", "{"],
        ["enqueue", "5", "load_objects", "--verb", "DELETE"],
        ["enqueue", "5", "x", "--query", "user_id"],
        ["commands", "show"],
        ["commands", "list", "--limit", "many"],
        ["devices", "add", "5", "--tag", "floor"],
        ["tokens", "create", "script"],
        ["simulate", "--quirks", "upside_down"],
        ["simulate", "--devices", "0"],
        ["serve", "--port", "http"],
    ],
)
def test_wrong_use_is_two(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """
    An invalid command line is one line on stderr, and exit code 2.
    """
    code = main(argv, {})
    printed = capsys.readouterr()

    assert (2, "") == (code, printed.out)
    assert 1 == printed.err.count("\n")
    assert printed.err.startswith("pushserver: ")


@pytest.mark.parametrize(
    "argv",
    [
        ["commands"],
        ["enqueue", "5", "load_objects", "object=users"],
        ["results"],
        ["devices", "show", "5"],
        ["tokens"],
        ["openapi"],
        ["simulate", "--adopt"],
        ["simulate", "--devices", "1", "--period", "0.1", "--duration", "0.3"],
    ],
)
def test_no_server_is_one(
    argv: list[str], nowhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A server that is not there is said in one line, with its address.
    """
    code = main(["--server", nowhere, *argv], {})
    printed = capsys.readouterr()

    assert 1 == code
    assert nowhere in printed.err.splitlines()[-1]


def test_doctor_without_server(
    nowhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The doctor says that there is no server, and what to do.
    """
    code = main(["doctor"], {"PUSHSERVER_SERVER": nowhere})

    assert 1 == code
    assert "pushserver serve" in capsys.readouterr().out


def test_missing_file_is_one(nowhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A file that is not there is named.
    """
    code = main(["--server", nowhere, "devices", "import", "/no/such.csv"], {})

    assert 1 == code
    expected = "pushserver: /no/such.csv: No such file or directory.\n"
    assert expected == capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["--help"], ["enqueue", "--help"], ["--version"]])
def test_help_is_nought(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """
    Help and version are printed, and nothing is wrong.
    """
    assert 0 == main(argv, {})
    assert capsys.readouterr().out


def test_help_of_every_command() -> None:
    """
    What the list of commands says of one is how its own help begins.
    """
    # In this process a command whose list was shown has taken over what that says.
    program = (
        "import json; from pushserver.cli import COMMANDS, build_app;"
        " app = build_app([*COMMANDS]);"
        " print(json.dumps({name: app[name].help for name in COMMANDS}))"
    )
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, check=True, env={}
    )
    own = {
        name: " ".join(text.strip().partition("\n\n")[0].split())
        for name, text in json.loads(ran.stdout).items()
    }

    assert {name: summary for name, (_, summary) in COMMANDS.items()} == own


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The help of every command ends with examples, each on one line of 80 columns, and
    with the values that it takes.
    """
    assert 0 == main([name, "--help"], {})
    printed = capsys.readouterr().out.partition("Examples:")[2]

    shown = {line.strip() for line in printed.splitlines()}
    assert {f"pushserver {example}" for example in EXAMPLES[name]} <= shown
    words = {each.strip(".,") for each in printed.split()}
    for values in known_values(name).values():
        assert {*values} <= words


@pytest.mark.parametrize(
    "line", [each for lines in EXAMPLES.values() for each in lines]
)
def test_examples_are_understood(line: str) -> None:
    """
    Every example is a command line that the program understands.
    """
    words = [word for word in shlex.split(line) if word != "--json"]

    build_app().parse_args(
        expand_wait_flag(words), exit_on_error=False, print_error=False
    )


#: These are short, and show a bar themselves.
WITH_BARS = {"purge", "migrate-store"}
#: The help of these names the events that there are.
WITH_EVENTS = {"events", "subscriptions"}
#: Prints the help of each command in a process of its own, and what that has loaded.
PRINT_LOADED = """
import json, os, sys
from pushserver.cli import main
for name in sys.argv[1:]:
    if not (child := os.fork()):
        main([*name.split(), "--help"])
        print(json.dumps([name, *sys.modules]), file=sys.stderr, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_help_loads_little() -> None:
    """
    Help is printed without what serves, calls or keeps anything: that takes longer.
    """
    names = ["", *COMMANDS, "tasks make", "devices import"]
    ran = subprocess.run(  # noqa: S603 - our own program
        # Without the environment nobody watches the program, and loads more for that.
        [sys.executable, "-c", PRINT_LOADED, *names],
        capture_output=True,
        check=True,
        env={},
    )
    by_name = {
        name: {*loaded} for name, *loaded in map(json.loads, ran.stderr.splitlines())
    }

    assert {*names} == {*by_name}
    for name, loaded in by_name.items():
        assert "pushserver.cli.context" in loaded, name
        assert not loaded & {"aiohttp", "psycopg", "sqlite3", "structlog", "uvloop"}
        assert ("rich.progress" in loaded) == (name in WITH_BARS), name
        assert len(loaded) < MAX_MODULES, name
        assert ("pushserver.model.event" in loaded) == (name in WITH_EVENTS), name
    assert "asyncio" not in by_name[""]


@pytest.mark.parametrize(
    ("flag", "environ", "expected"),
    [
        (None, {}, DEFAULT_SERVER),
        (None, {"PUSHSERVER_SERVER": "http://env"}, "http://env"),
        ("http://flag", {"PUSHSERVER_SERVER": "http://env"}, "http://flag"),
        ("host:9000", {}, "http://host:9000"),
    ],
)
def test_where_the_server_is(
    flag: str | None, environ: dict[str, str], expected: Any
) -> None:
    """
    The flag comes before the environment, and both before the default.
    """
    context = CliContext.from_flags(environ, server=flag, token=None, json=False)

    assert expected == context.server


def test_token_is_not_shown() -> None:
    """
    The token comes from the environment, and no trace shows it.
    """
    environ = {"PUSHSERVER_TOKEN": "pst_secret"}
    context = CliContext.from_flags(environ, server=None, token=None, json=False)

    assert "pst_secret" == context.token
    assert "pst_secret" not in repr(context)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--wait"], ["--wait=120"]),
        (["--wait", "5"], ["--wait", "5"]),
        (["--wait", "0.5", "x"], ["--wait", "0.5", "x"]),
        (["--wait", "--json"], ["--wait=120", "--json"]),
        (["--wait", "object=users"], ["--wait=120", "object=users"]),
        (["--wait", "inf"], ["--wait=120", "inf"]),
        (["--", "--wait"], ["--", "--wait"]),
    ],
)
def test_wait_without_a_number(argv: list[str], expected: Any) -> None:
    """
    `--wait` has a default where no number follows it.
    """
    assert expected == expand_wait_flag(argv)


def test_devices_cannot_steer_the_terminal() -> None:
    """
    Data from devices is printed without control characters.
    """
    assert "�[2Jred" == strip_unprintable("\x1b[2Jred")
    assert "a�b" == format_exact("a\x9bb")


def test_servers_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What a server refuses with is printed without control characters, on one line.
    """
    address = "http://a/\x1b]0;x\x07\n\u202e"

    main(["devices", "--server", address, "--token", "t"])

    assert "]0;x� �" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (True, "yes"), (False, "no"), (3, "3"), ({"a": [1]}, '{"a":[1]}')],
)
def test_cells(value: Any, expected: Any) -> None:
    """
    A value in a table is written for people.
    """
    assert expected == format_exact(value)


def test_keys_of_devices() -> None:
    """
    A file of keys has a device's id and its key on each line.
    """
    assert {1: "abc", 2: "def"} == parse_device_keys("1 abc\n\n2,def\n")
    with pytest.raises(CliError, match="Line 2"):
        parse_device_keys("1 abc\n2\n")
